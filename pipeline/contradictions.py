"""What the sections of ``params.yaml`` say of one another: contradictions and doubts."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from pipeline.degradation_settings import VARIED_SETTING, Bicubic, Degradation, FloatRange, Gaussian
from pipeline.nearest import nearest_known
from pipeline.params import (
    PROTOCOL_COLOURS,
    PROTOCOL_DEGRADATION,
    Baseline,
    Experiment,
    Imported,
    Params,
    SkimageDataset,
    Trial,
)
from pipeline.published import systems


def warnings(params: Params) -> list[str]:
    """Return what is allowed but probably not meant, one sentence each."""
    return [
        f"experiments.{name}: {warning}"
        for name, experiment in params.experiments.items()
        for warning in _experiment_warnings(experiment, params)
    ]


def _experiment_warnings(experiment: Experiment, params: Params) -> Iterator[str]:
    bank = params.patches[experiment.train_on]
    recipe = params.recipes[experiment.recipe]
    field = params.models.named(experiment.arch)[experiment.model].receptive_field
    if field is not None and bank.size < field:
        yield (
            f"the patches are {bank.size} pixels wide, the receptive field of "
            f"{experiment.arch}.{experiment.model} is {field}: its outer part trains on padding"
        )
    if getattr(recipe.schedule, "warmup", 0) >= recipe.steps:
        yield f"the warm-up of recipe '{experiment.recipe}' is as long as its {recipe.steps} steps"
    trained = params.degradations[experiment.degradation]
    for trial in params.benchmarks[experiment.test_on]:
        tested = trial.degradation
        if isinstance(trained, Gaussian) and isinstance(tested, Gaussian):
            ways = {True: "clipped and rounded", False: "not clipped"}
            if trained.quantise != tested.quantise:
                yield (
                    f"trained on noise that is {ways[trained.quantise]}, tested on noise that is "
                    f"{ways[tested.quantise]}: worth 0.1 dB and more"
                )
        if trial.colour.removesuffix("_of_rgb") != bank.colour:
            yield f"trained on {bank.colour} images, tested on {trial.colour} ones"


def contradictions(params: Params) -> Iterator[str]:
    """Yield what is wrong between the keys, each with its path."""
    yield from _bank_faults(params)
    for name, trials in params.benchmarks.items():
        for position, trial in enumerate(trials):
            yield from _trial_faults(f"benchmarks.{name}.{position}", trial, params)
        yield from _repeated_levels(f"benchmarks.{name}", trials)
    for name, experiment in params.experiments.items():
        undefined = list(_undefined_names(f"experiments.{name}", experiment, params))
        yield from undefined or _experiment_faults(f"experiments.{name}", experiment, params)
    for name, imported in params.imported.items():
        where = f"imported.{name}"
        if name in params.experiments:
            yield f"{where}: an experiment has this name too, and results lie by name"
        undefined = list(_undefined_names(where, imported, params))
        yield from undefined or _channel_faults(where, imported, params)
    yield from _comparison_faults(params)
    yield from _acceptance_faults(params)


def _bank_faults(params: Params) -> Iterator[str]:
    for name, bank in params.patches.items():
        if bank.dataset not in params.datasets:
            yield _undefined(f"patches.{name}.dataset", bank.dataset, "data set", params.datasets)
        if bank.stride > bank.size:
            yield (
                f"patches.{name}.stride: expected at most the size ({bank.size}), so that the "
                f"patches cover the image; came {bank.stride}"
            )


def _undefined(where: str, name: str, what: str, defined: Iterable[str]) -> str:
    return f"{where}: {what} '{name}' is not defined; {nearest_known(name, defined)}"


def _undefined_names(where: str, entry: Experiment | Imported, params: Params) -> Iterator[str]:
    sections = {
        "model": ("model", params.models.named(entry.arch)),
        "train_on": ("patch bank", params.patches),
        "degradation": ("degradation", params.degradations),
        "recipe": ("recipe", params.recipes),
        "test_on": ("benchmark", params.benchmarks),
    }
    for key, name in entry:
        if key in sections and name not in sections[key][1]:
            yield _undefined(f"{where}.{key}", name, *sections[key])


def _comparison_faults(params: Params) -> Iterator[str]:
    try:
        known = systems()
    except (OSError, ValueError) as error:  # its message has the file and the line
        yield f"the published numbers cannot be read: {error}"
        return
    for where, entry in _measured(params).items():
        if entry.compare_with is not None and entry.compare_with not in known:
            # Too many to list them all.
            as_written = {system.lower(): system for system in known}
            found = get_close_matches(entry.compare_with.lower(), as_written, n=3, cutoff=0.3)
            near = [as_written[system] for system in found]
            yield (
                f"{where}.compare_with: pipeline/published.csv has no system "
                f"'{entry.compare_with}'; the nearest are {', '.join(near) or '(none)'}"
            )


def _measured(params: Params) -> dict[str, Experiment | Imported]:
    """Return all that is measured, by its path."""
    trained = {f"experiments.{name}": entry for name, entry in params.experiments.items()}
    return {**trained, **{f"imported.{name}": entry for name, entry in params.imported.items()}}


def _acceptance_faults(params: Params) -> Iterator[str]:
    seen: dict[tuple[str, str], str] = {}
    for position, accepted in enumerate(params.accepted_overlaps):
        where = f"accepted_overlaps.{position}"
        for key in ("train", "test"):
            name = getattr(accepted, key)
            if name not in params.datasets:
                yield _undefined(f"{where}.{key}", name, "data set", params.datasets)
        pair = (accepted.train, accepted.test)
        if pair in seen:
            yield f"{where}: {seen[pair]} is about the same two data sets"
        seen.setdefault(pair, where)


def _trial_faults(where: str, trial: Trial, params: Params) -> Iterator[str]:
    if trial.dataset not in params.datasets:
        yield _undefined(f"{where}.dataset", trial.dataset, "data set", params.datasets)
        return
    for protocol in trial.protocols:
        colours = PROTOCOL_COLOURS[protocol]
        if trial.colour not in colours:
            yield (
                f"{where}.protocols: {protocol} measures images in {' or '.join(colours)}; "
                f"this trial's colour is {trial.colour}"
            )
        kind = PROTOCOL_DEGRADATION.get(protocol, trial.degradation.kind)
        if trial.degradation.kind != kind:
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
    yield from _pairing_faults(where, trial.dataset, trial.degradation, params)


def _repeated_levels(where: str, trials: list[Trial]) -> Iterator[str]:
    """Find levels that would overwrite one another: results lie by data set and level."""
    seen: dict[tuple[Any, ...], str] = {}
    for position, trial in enumerate(trials):
        key = VARIED_SETTING.get(trial.degradation.kind)
        values = getattr(trial.degradation, key) if key else "paired"
        # What is rounded to 8 bits on the way is a level of its own.
        rounded = getattr(trial.degradation, "quantise", False)
        for value in values if isinstance(values, list) else [values]:
            level = (trial.dataset, trial.degradation.kind, value, rounded)
            at = f"{where}.{position}"
            if level in seen:
                yield (
                    f"{at}.degradation: {seen[level]} has {trial.degradation.kind} degradation of "
                    f"data set '{trial.dataset}' at this level ({value}) already; put one of them "
                    "into a benchmark of its own"
                )
            seen.setdefault(level, at)


def _applies(baseline: Baseline, degradation: Degradation) -> bool:
    """Tell whether a classical method restores a degradation: denoisers must know the sigma."""
    if baseline == "identity":
        return True
    if baseline == "bicubic":
        return isinstance(degradation, Bicubic)
    if baseline == "lanczos":  # the others leave images of full size, with nothing to enlarge
        return getattr(degradation, "result", None) == "low"
    return isinstance(degradation, Gaussian) and not isinstance(degradation.sigma_8bit, FloatRange)


def _pairing_faults(
    where: str, dataset: str, degradation: Degradation, params: Params
) -> Iterator[str]:
    entry = params.datasets[dataset]
    # A published set may or may not come in pairs: its catalogue says, and extract checks it.
    if degradation.kind == "paired" and entry.kind in {"skimage", "folder"}:
        yield (
            f"{where}: degradation kind 'paired' needs a data set with degraded partners; "
            f"'{dataset}' is of kind '{entry.kind}'"
        )


def _experiment_faults(where: str, experiment: Experiment, params: Params) -> Iterator[str]:
    model = params.models.named(experiment.arch)[experiment.model]
    bank = params.patches[experiment.train_on]
    degradation = params.degradations[experiment.degradation]
    channels = 3 if bank.colour == "rgb" else 1
    if not model.accepts(channels):
        yield (
            f"{where}: model {experiment.arch}.{experiment.model} has {model.input_channels} "
            f"channel(s), patch bank '{experiment.train_on}' ({bank.colour}) has {channels}"
        )
    trials = params.benchmarks[experiment.test_on]
    if not {bank.dataset, *(trial.dataset for trial in trials)} <= params.datasets.keys():
        return  # a fault of the bank or of the trial, which is reported there
    yield from _pairing_faults(where, bank.dataset, degradation, params)
    yield from _channel_faults(where, experiment, params)
    for position, trial in enumerate(trials):
        trial_at = f"benchmarks.{experiment.test_on}.{position}"
        yield from _shared_images(where, bank.dataset, trial_at, trial.dataset, params)


def _channel_faults(where: str, tested: Experiment | Imported, params: Params) -> Iterator[str]:
    model = params.models.named(tested.arch)[tested.model]
    for position, trial in enumerate(params.benchmarks[tested.test_on]):
        given = 3 if trial.colour == "rgb" else 1
        if not model.accepts(given):
            yield (
                f"{where}: model {tested.arch}.{tested.model} has {model.input_channels} "
                f"channel(s), benchmarks.{tested.test_on}.{position} ({trial.colour}) has {given}"
            )


def _shared_images(
    where: str, trained: str, trial_at: str, tested: str, params: Params
) -> Iterator[str]:
    one, other = params.datasets[trained], params.datasets[tested]
    if trained == tested:
        yield f"{where}: trains on data set '{trained}', which {trial_at} tests on"
    elif isinstance(one, SkimageDataset) and isinstance(other, SkimageDataset):
        shared = sorted(set(one.images) & set(other.images))
        if shared:
            yield (
                f"{where}: trains on images that {trial_at} tests on: {', '.join(shared)} "
                f"(in '{trained}' and '{tested}')"
            )
    elif one.source == other.source and getattr(one, "clean", "") == getattr(other, "clean", ""):
        yield f"{where}: '{trained}' and '{tested}' ({trial_at}) have the same source, {one.source}"
