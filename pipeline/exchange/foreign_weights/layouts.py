"""How public PyTorch code names the tensors of its networks: one table a layout."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pipeline.exchange.foreign_weights.chain import (
    Chain,
    ForeignWeightsError,
    Layer,
    Norm,
    Values,
    layer,
)
from pipeline.nearest import first_of, nearest_known


@dataclass(frozen=True)
class Slot:
    """Where one convolution lies in a state dict.

    Args:
        convolution: Name of the module.
        biased: Whether the convolution has a bias.
        norm: Name of the batch normalisation behind it, if there is one.
        transposed: A deconvolution.
    """

    convolution: str
    biased: bool
    norm: str | None = None
    transposed: bool = False

    @property
    def tensors(self) -> list[str]:
        """Names of the tensors that the slot needs."""
        names = [f"{self.convolution}.weight"]
        if self.biased:
            names.append(f"{self.convolution}.bias")
        if self.norm:
            names += [f"{self.norm}.{name}" for name in _NORM_TENSORS]
        return names

    @property
    def counter(self) -> str:
        """Name of the tensor that counts batches, which torch has written since version 0.4.1."""
        return f"{self.norm}.num_batches_tracked"


_NORM_TENSORS = ("weight", "bias", "running_mean", "running_var")

Slots = Callable[[int, bool], list[Slot]]
"""Slots of a network of that many layers, with normalisation or without."""


@dataclass(frozen=True)
class Table:
    """One architecture in one layout.

    Args:
        architecture: Our name for it.
        slots: Where its layers lie.
        epsilon: Of its batch normalisation.
    """

    architecture: str
    slots: Slots
    epsilon: float = 1e-5

    @property
    def residual(self) -> Literal["added", "subtracted"]:
        """What this code does with the last output: only DnCNN's predicts the noise."""
        return "subtracted" if self.architecture == "DnCNN" else "added"


def sequential(prefix: str, biased: Callable[[int, int, bool], bool]) -> Slots:
    """Return the slots of one ``nn.Sequential``: the ReLUs count, and so do normalisations.

    Args:
        prefix: Name of the sequence.
        biased: Whether the convolution at a position of so many has a bias, with normalisation
            in the network or without.
    """

    def slots(depth: int, normalised: bool) -> list[Slot]:
        found = []
        index = 0
        for position in range(depth):
            inside = normalised and 0 < position < depth - 1
            norm = f"{prefix}.{index + 1}" if inside else None
            found.append(Slot(f"{prefix}.{index}", biased(position, depth, normalised), norm))
            index += 3 if inside else 2
        return found

    return slots


def ends_and_blocks(first: str, block: str, last: str) -> Slots:
    """Return the slots of a first and a last layer of their own and numbered blocks between.

    None has a bias: both public VDSR networks that are built so leave it out.

    Args:
        first: Name of the first convolution.
        block: Name of an inner one, with ``{}`` for its number.
        last: Name of the last one.
    """

    def slots(depth: int, normalised: bool) -> list[Slot]:  # noqa: ARG001  (they have none)
        names = [first, *(block.format(number) for number in range(depth - 2)), last]
        return [Slot(name, biased=False) for name in names]

    return slots


def encoder_decoder(encoder: str, decoder: str, last: str) -> Slots:
    """Return the slots of as many convolutions as deconvolutions, all with a bias.

    Args:
        encoder: Name of a convolution, with ``{}`` for its number.
        decoder: Name of a deconvolution, with ``{}`` for its number.
        last: Name of the last deconvolution, with ``{}`` for its number.
    """

    def slots(depth: int, normalised: bool) -> list[Slot]:  # noqa: ARG001  (they have none)
        half = depth // 2
        decoders = [*[decoder] * (half - 1), last]
        return [
            *(Slot(encoder.format(number), biased=True) for number in range(half)),
            *(
                Slot(name.format(number), biased=True, transposed=True)
                for number, name in enumerate(decoders)
            ),
        ]

    return slots


def _always(position: int, depth: int, normalised: bool) -> bool:  # noqa: ARG001
    return True


def _never(position: int, depth: int, normalised: bool) -> bool:  # noqa: ARG001
    return False


def _first_only(position: int, depth: int, normalised: bool) -> bool:  # noqa: ARG001
    return position == 0


def _unless_normalised(position: int, depth: int, normalised: bool) -> bool:
    return not normalised or position in {0, depth - 1}


OURS: Mapping[str, Table] = {
    "DnCNN": Table("DnCNN", sequential("noise", _unless_normalised)),
    "VDSR": Table("VDSR", sequential("detail", _always)),
    "RedNet": Table("RedNet", encoder_decoder("encoder.{}", "decoder.{}", "decoder.{}")),
}
"""Our own networks, as stage ``train`` writes them."""

STATE_DICTS: Mapping[str, tuple[Table, ...]] = {
    "restore": tuple(OURS.values()),
    # cszn/KAIR, models/network_dncnn.py: act_mode 'R' for the published weights, 'BR' in training.
    "kair": (Table("DnCNN", sequential("model", _always), epsilon=1e-4),),
    # cszn/DnCNN, TrainingCodes/dncnn_pytorch/main_train.py.
    "cszn": (Table("DnCNN", sequential("dncnn", _first_only), epsilon=1e-4),),
    # SaoYan/DnCNN-PyTorch, models.py.
    "saoyan": (Table("DnCNN", sequential("dncnn", _never)),),
    # twtygqyy/pytorch-vdsr, vdsr.py, and the same as one sequence in its first version.
    "twtygqyy": (
        Table("VDSR", ends_and_blocks("input", "residual_layer.{}.conv", "output")),
        Table("VDSR", sequential("features", _never)),
    ),
    # Lornatang/VDSR-PyTorch, model.py.
    "lornatang": (Table("VDSR", ends_and_blocks("conv1.0", "trunk.{}.conv", "conv2")),),
}
"""The tables of every layout of state dicts, and the public code that has it."""

_ANOTHER_NETWORK = {
    "yjn870/REDNet-pytorch": (
        encoder_decoder("conv_layers.{}.0", "deconv_layers.{}.0", "deconv_layers.{}"),
        "its shapes are those of our RED-Net, but its first and its last layer have stride 2 and "
        "a ReLU follows the last sum: with these weights our network would compute something else",
    ),
}
"""Networks whose names are known and whose shapes would fit, and why they must not be imported."""


def as_chain(where: str, tensors: Mapping[str, Tensor], layout: str | None) -> tuple[str, Chain]:
    """Return the layout of a state dict, and the network in it.

    Args:
        where: The file and the entry of it, for messages.
        tensors: The tensors there, by name: floating-point numbers.
        layout: One of ``STATE_DICTS``, or None to try all.

    Raises:
        ForeignWeightsError: The tensors are not exactly those of one table, or the network is
            known to be another one than ours.
    """
    depth, normalised = _size(tensors)
    for code, (another, reason) in _ANOTHER_NETWORK.items():
        if _fits(another(depth, normalised), tensors):
            raise ForeignWeightsError(f"{where}: this is the network of {code}; {reason}")
    candidates = _candidates(tensors, layout)
    for name, table, slots in candidates:
        if _fits(slots, tensors):
            layers = tuple(_layer(slot, tensors, table.epsilon) for slot in slots)
            return name, Chain(layers, (table.architecture,), table.residual)
    nearest = max(candidates, key=lambda one: len(_expected(one[2]) & tensors.keys()))
    if layout or _expected(nearest[2]) & tensors.keys():
        raise ForeignWeightsError(f"{where}: {_difference(nearest[0], nearest[2], tensors)}")
    raise ForeignWeightsError(
        f"{where}: expected the tensors of one of the layouts {', '.join(STATE_DICTS)}; came "
        f"{_some(tensors.keys())}: none of them has such names"
    )


def resemblance(tensors: Mapping[str, Tensor], layout: str | None) -> int:
    """Return how many tensors of the most similar layout have a name that is there."""
    candidates = _candidates(tensors, layout)
    return max(len(_expected(slots) & tensors.keys()) for _, _, slots in candidates)


def _size(tensors: Mapping[str, Tensor]) -> tuple[int, bool]:
    """Return the number of convolutions, and whether there is normalisation."""
    depth = sum(tensor.ndim == 4 for tensor in tensors.values())
    return depth, any(name.endswith(".running_mean") for name in tensors)


def _candidates(
    tensors: Mapping[str, Tensor], layout: str | None
) -> list[tuple[str, Table, list[Slot]]]:
    depth, normalised = _size(tensors)
    return [
        (name, table, table.slots(depth, normalised))
        for name in ([layout] if layout else STATE_DICTS)
        for table in STATE_DICTS[name]
    ]


def _expected(slots: list[Slot]) -> set[str]:
    return {name for slot in slots for name in slot.tensors}


def _left_over(slots: list[Slot], tensors: Mapping[str, Tensor]) -> set[str]:
    return tensors.keys() - _expected(slots) - {slot.counter for slot in slots}


def _fits(slots: list[Slot], tensors: Mapping[str, Tensor]) -> bool:
    return _expected(slots) <= tensors.keys() and not _left_over(slots, tensors)


def _difference(layout: str, slots: list[Slot], tensors: Mapping[str, Tensor]) -> str:
    missing = sorted(_expected(slots) - tensors.keys())
    parts = [f"expected the tensors of layout '{layout}'"]
    if missing:
        parts.append(f"missing are {_some(missing)} ({nearest_known(missing[0], tensors)})")
    left_over = sorted(_left_over(slots, tensors))
    if left_over:
        parts.append(f"left over are {_some(left_over)}")
    return "; ".join(parts)


def _some(names: Iterable[str]) -> str:
    return first_of(sorted(names), 6)


def _layer(slot: Slot, tensors: Mapping[str, Tensor], epsilon: float) -> Layer:
    norm = None
    if slot.norm:
        gain, offset, mean, variance = (
            _values(tensors[f"{slot.norm}.{name}"]) for name in _NORM_TENSORS
        )
        # A negative variance is no variance: let the check of the deviation refuse it.
        deviation = np.sqrt(np.maximum(variance + epsilon, 0))
        norm = Norm(gain, offset, mean, deviation)
    bias = _values(tensors[f"{slot.convolution}.bias"]) if slot.biased else None
    weight = _values(tensors[f"{slot.convolution}.weight"])
    return layer(slot.convolution, weight, bias, norm, transposed=slot.transposed)


def _values(tensor: Tensor) -> Values:
    values: Values = tensor.detach().to(torch.float64).numpy()
    return values
