"""Whether a program does what its entry in ``params.yaml`` says, on an image that is known."""

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pipeline.arrays.pixels import Array
from pipeline.exchange.programs import ProgramError
from pipeline.exchange.programs.foreign_network import ForeignNetwork
from pipeline.exchange.programs.opened import Opened
from pipeline.settings.programs import Program

_RANGES = ((0.0, 1.0), (0.0, 255.0), (-1.0, 1.0))

_ENTRIES = {
    1: "channels: gray, noise_map: false",
    2: "channels: gray, noise_map: true",
    3: "channels: rgb, noise_map: false",
    4: "channels: rgb, noise_map: true",
}
"""What the entry of a program says, by the channels of its input."""

_CLEARLY = 1.0
"""Decibels by which another reading of the entry must be better to be what was meant."""


def planes_of(program: Program) -> int:
    """Return how many channels the input of a program has, its noise map included."""
    return (1 if program.channels == "gray" else 3) + program.noise_map


def network_of(opened: Opened, program: Program) -> ForeignNetwork:
    """Return a program as a network of ours.

    Raises:
        ProgramError: The file takes another number of channels, or enlarges by another factor.
    """
    given = planes_of(program)
    if opened.channels not in {None, given}:
        told = " and a noise map" if program.noise_map else ""
        instead = _ENTRIES.get(opened.channels or 0)
        raise ProgramError(
            f"{program.source}: expected an input of {given} channel(s), for {program.channels}"
            f"{told}; the file's has {opened.channels}" + (f": write {instead}" if instead else "")
        )
    if opened.scale not in {None, program.scale}:
        raise ProgramError(
            f"{program.source}: expected a network that makes images {program.scale} times "
            f"larger; the file's makes them {opened.scale} times larger: write scale: "
            f"{opened.scale}"
        )
    return _network(opened.run, program)


def _network(
    run: Callable[[Tensor], Tensor],
    program: Program,
    values: tuple[float, float] | None = None,
    channels: str | None = None,
) -> ForeignNetwork:
    black, white = values or program.values
    return ForeignNetwork(
        run,
        black=black,
        white=white,
        reversed_channels=(channels or program.channels) == "bgr",
        scale=program.scale,
        noise_map=program.noise_map,
    )


def put_to_the_test(
    opened: Opened, program: Program, degraded: Array, clean: Array, sigma_8bit: float | None
) -> None:
    """Restore an image as the entry says, and as it could have said, and compare.

    Args:
        opened: The program.
        program: Its entry.
        degraded: ``(H, W, C)`` in [0, 1] up to noise, of a size that the program takes.
        clean: ``(S * H, S * W, C)`` in [0, 1].
        sigma_8bit: The level of the noise, for a program that is told.

    Raises:
        ProgramError: It fails, makes infinite values, or restores clearly better when its images
            have another range or another order of channels.
    """
    batch = torch.from_numpy(np.ascontiguousarray(degraded.transpose(2, 0, 1))[None])
    if sigma_8bit is not None:
        level = torch.full_like(batch[:, :1], sigma_8bit / 255)
        batch = torch.cat([batch, level], dim=1)
    written = (program.values[0], program.values[1])
    as_written = _quality(_network(opened.run, program, written, program.channels), batch, clean)
    if not np.isfinite(as_written):
        raise ProgramError(f"{program.source}: makes infinite values, or such as are no numbers")
    orders = ("gray",) if program.channels == "gray" else ("rgb", "bgr")
    others = {*itertools.product({*_RANGES, written}, orders)} - {(written, program.channels)}
    found = {
        (values, order): _quality(_network(opened.run, program, values, order), batch, clean)
        for values, order in sorted(others)
    }
    (values, order), best = max(found.items(), key=lambda one: np.nan_to_num(one[1], nan=-1e9))
    if best > as_written + _CLEARLY:
        raise ProgramError(
            f"{program.source}: restores a test image to {as_written:.1f} dB as its entry says, "
            f"and to {best:.1f} dB with values: [{values[0]:g}, {values[1]:g}] and channels: "
            f"{order}; write that"
        )


def _quality(network: ForeignNetwork, batch: Tensor, clean: Array) -> float:
    """Return the PSNR of what a network makes of an image, clipped to [0, 1]; NaN for none."""
    with torch.inference_mode():
        restored = network(batch.clone())[0].permute(1, 2, 0).numpy()
    if not np.isfinite(restored).all():
        return float("nan")
    error = float(np.mean((restored.clip(0, 1) - clean) ** 2, dtype=np.float64))
    return -10 * float(np.log10(max(error, 1e-12)))
