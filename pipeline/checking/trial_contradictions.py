"""What is wrong with the trials of benchmarks, and with the levels of degradations."""

from collections.abc import Iterator

from pipeline.checking.faults import undefined
from pipeline.degradations.levels import levels
from pipeline.degradations.settings import (
    Degradation,
    FloatRange,
    Gaussian,
    Mixture,
    measured_as,
)
from pipeline.measuring.protocols import PROTOCOL_COLOURS, PROTOCOL_DEGRADATION
from pipeline.settings.params import Baseline, Params, Trial

_LONGEST_LABEL = 200
"""Letters of the name of a level, which has to fit into the name of a folder."""


def trial_faults(where: str, trial: Trial, params: Params) -> Iterator[str]:
    """Yield what is wrong with one trial of a benchmark."""
    if trial.dataset not in params.datasets:
        yield undefined(f"{where}.dataset", trial.dataset, "data set", params.datasets)
        return
    if isinstance(trial.degradation, Mixture):
        yield (
            f"{where}.degradation: a mixture is trained on, not tested: give each of its parts a "
            "trial of its own"
        )
        return
    yield from level_faults(f"{where}.degradation", trial.degradation)
    for protocol in trial.protocols:
        colours = PROTOCOL_COLOURS[protocol]
        if trial.colour not in colours:
            yield (
                f"{where}.protocols: {protocol} measures images in {' or '.join(colours)}; "
                f"this trial's colour is {trial.colour}"
            )
        ours = measured_as(trial.degradation)
        kind = PROTOCOL_DEGRADATION.get(protocol, ours)
        if ours != kind:
            yield (
                f"{where}.protocols: {protocol} is for {kind} degradation; this trial's is "
                f"{trial.degradation.kind}"
            )
    for baseline in trial.baselines:
        if not _applies(baseline, trial.degradation):
            yield (
                f"{where}.baselines: {baseline} cannot undo {trial.degradation.kind} degradation "
                "of these levels; 'identity' applies to all"
            )
    yield from pairing_faults(where, trial.dataset, trial.degradation, params)


def level_faults(where: str, degradation: Degradation) -> Iterator[str]:
    """Yield what is wrong with the levels of a degradation."""
    found = levels(degradation)
    for level in found:
        if len(level.label) > _LONGEST_LABEL:
            yield (
                f"{where}: expected steps whose names together make a folder's name of at most "
                f"{_LONGEST_LABEL} letters, came {len(level.label)}: '{level.label}'"
            )
    if isinstance(degradation, Mixture):
        for level in {one.label: one for one in found if found.count(one) > 1}.values():
            yield f"{where}.of: '{level.label}' is in the mixture more than once"


def repeated_levels(where: str, trials: list[Trial]) -> Iterator[str]:
    """Find levels that would overwrite one another: results lie by data set and level."""
    seen: dict[tuple[str, str], str] = {}
    for position, trial in enumerate(trials):
        at = f"{where}.{position}"
        for level in levels(trial.degradation):
            place = (trial.dataset, level.label)
            if place in seen:
                yield (
                    f"{at}.degradation: {seen[place]} has level {level.label} of data set "
                    f"'{trial.dataset}' already; put one of them into a benchmark of its own"
                )
            seen.setdefault(place, at)


def _applies(baseline: Baseline, degradation: Degradation) -> bool:
    """Tell whether a classical method restores a degradation: denoisers must know the sigma."""
    if baseline == "identity":
        return True
    if baseline == "bicubic":
        return measured_as(degradation) == "bicubic"
    if baseline == "lanczos":  # the others leave images of full size, with nothing to enlarge
        return getattr(degradation, "result", None) == "low"
    return isinstance(degradation, Gaussian) and not isinstance(degradation.sigma_8bit, FloatRange)


def pairing_faults(
    where: str, dataset: str, degradation: Degradation, params: Params
) -> Iterator[str]:
    """Yield that real pairs are asked of a data set that has none."""
    entry = params.datasets[dataset]
    # A published set may or may not come in pairs: its catalogue says, and extract checks it.
    if degradation.kind == "paired" and entry.kind in {"skimage", "folder"}:
        yield (
            f"{where}: degradation kind 'paired' needs a data set with degraded partners; "
            f"'{dataset}' is of kind '{entry.kind}'"
        )
