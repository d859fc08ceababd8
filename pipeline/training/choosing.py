"""Choose how the steps of a training are computed: format, compiler, and parts that fit."""

import hashlib
import time
from collections.abc import Callable
from copy import deepcopy
from statistics import median

import torch
from torch import Tensor, nn

from pipeline.machine.devices import say
from pipeline.machine.memory import free_memory, is_out_of_memory, peak_bytes
from pipeline.machine.precision import Precision, choose_precision
from pipeline.machine.remembered import remembered
from pipeline.machine.transfer import wait_for
from pipeline.settings.params import Recipe
from pipeline.training.batches import Batches
from pipeline.training.captured import STEPS_BEFORE_CAPTURE
from pipeline.training.objectives import Objective
from pipeline.training.step import NoSmallerStepError, Step, Way

_WORTH_TRYING = 600.0
"""Seconds that a training must take before compiling is tried: it takes half a minute itself."""

_CLEARLY = 0.98
"""Compiled steps must take less than this share of the time of others."""

_NO_RATE = 1e-12
"""A learning rate that leads nowhere, and that gradients may still be divided by."""

_SCRATCH = 1.25
"""What kernels need while they run, on top of the tensors that they make."""


def choose_way(
    network: nn.Module, batches: Batches, recipe: Recipe, objective: Objective | None = None
) -> Way:
    """Return the way to compute that the recipe asks for, as far as this machine can.

    What is left to the machine (``auto``) is measured once and remembered, so that the same
    machine gives the same bytes.

    Args:
        network: On its device; it is left as it is.
        batches: Batches to measure with.
        recipe: Its ``precision`` and ``compile``.
        objective: What to learn; to restore when left out.
    """
    precision = choose_precision(recipe.precision, batches.device)
    return Way(precision, _is_compiled(network, batches, recipe, precision, objective))


def _is_compiled(
    network: nn.Module,
    batches: Batches,
    recipe: Recipe,
    precision: Precision,
    objective: Objective | None,
) -> bool:
    if recipe.compile == "never":
        return False
    structure = hashlib.sha256(str(network).encode()).hexdigest()[:12]
    shape = "x".join(map(str, batches.shape))
    question = (
        f"compiling {type(network).__name__} {structure} pays in {recipe.steps} steps of "
        f"{shape} in {precision.value}"
    )
    try:
        wanted = recipe.compile == "always" or remembered(
            question, lambda: _compiling_pays(network, batches, recipe, precision, objective)
        )
        if wanted:  # the compiler may be missing, or gone since
            _seconds(
                network, batches, recipe, Way(precision, compiled=True), objective, repetitions=0
            )
        return wanted
    except Exception as error:
        first, *_ = str(error).splitlines() or [type(error).__name__]
        what = "cannot be tried" if is_out_of_memory(error) else "does not work"
        say(f"torch.compile {what} here, training goes on without it: {first}")
        return False


def _compiling_pays(
    network: nn.Module,
    batches: Batches,
    recipe: Recipe,
    precision: Precision,
    objective: Objective | None,
) -> bool:
    def timed(compiled: bool) -> tuple[float, float]:
        way = Way(precision, compiled)
        return _seconds(network, batches, recipe, way, objective, repetitions=3)

    _, plain = timed(compiled=False)
    if plain * recipe.steps < _WORTH_TRYING:
        return False
    cost, compiled = timed(compiled=True)
    return compiled < _CLEARLY * plain and (plain - compiled) * recipe.steps > cost


def _seconds(
    network: nn.Module,
    batches: Batches,
    recipe: Recipe,
    way: Way,
    objective: Objective | None,
    repetitions: int,
) -> tuple[float, float]:
    """Return how long the first step and a later one take, of a copy of the network."""
    step = Step(deepcopy(network).train(), recipe, way, objective)
    fit_into_memory(step, batches, tell=lambda _line: None)  # whoever trains says it
    degraded, clean = batches.at(0)
    # On a GPU the steps before and at the capture of a graph are not like those after it.
    first = 1 if step.device.type == "cpu" else STEPS_BEFORE_CAPTURE
    times = [_timed(step, degraded, clean) for _ in range(first + repetitions)]
    return times[0], median(times[first:] or times)


def _timed(step: Step, degraded: Tensor, clean: Tensor) -> float:
    start = time.perf_counter()
    step.take(degraded, clean, rate=_NO_RATE)
    wait_for(step.device)
    return time.perf_counter() - start


def fit_into_memory(step: Step, batches: Batches, tell: Callable[[str], None] = say) -> None:
    """Shrink a step, with a line that says so, until it should fit into the free memory.

    A CPU has to ask before: whoever takes too much there is killed, not told. A GPU says so.

    Args:
        step: One that has not been taken yet.
        batches: Knows the shape of the batches.
        tell: Gets the line.
    """
    if step.device.type != "cpu":
        return
    if step.shared is not None and step.is_normalised:
        return  # nothing could be shrunk, and to measure it all processes would have to take part
    free = free_memory(step.device)
    each = _bytes_each(step.network, batches.shape)
    while each * step.largest_part * _SCRATCH > free and not step.offloads:
        needed = each * step.largest_part * _SCRATCH / 2**20
        shortage = f"a step needs about {needed:.0f} MiB, free are {free / 2**20:.0f}"
        try:
            tell(f"{shortage}: {step.shrink()}")
        except NoSmallerStepError:
            tell(f"{shortage}: it is tried all the same")
            return


def _bytes_each(network: nn.Module, shape: tuple[int, ...]) -> float:
    """Return about how many bytes each patch of a batch takes, forward and backward."""
    copy = deepcopy(network).cpu().float().train()

    def step_of(patches: int) -> int:
        batch = torch.zeros(patches, *shape[1:])
        return peak_bytes(lambda: _total(copy(batch)).backward())  # type: ignore[no-untyped-call]

    try:
        # From two sizes, as gradients and weights do not grow with the batch.
        return (step_of(4) - step_of(2)) / 2
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return 0  # an estimate that finds no room decides nothing


def _total(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    parts = [output] if isinstance(output, Tensor) else output
    return torch.stack([part.sum() for part in parts]).sum()
