"""What the sections of ``params.yaml`` say of one another: contradictions and doubts."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from pipeline.checking.faults import name_faults, undefined, undefined_names, wrong_network
from pipeline.checking.outside_contradictions import outside_faults
from pipeline.checking.process_contradictions import process_faults, process_warnings
from pipeline.checking.program_contradictions import program_faults
from pipeline.checking.recognition_contradictions import recognition_faults
from pipeline.checking.training_sets import bank_of, degradation_of
from pipeline.checking.trial_contradictions import (
    level_faults,
    pairing_faults,
    repeated_levels,
    trial_faults,
)
from pipeline.degradations.levels import Version, levels, reduction_of, versions
from pipeline.degradations.settings import (
    NOISE,
    Gaussian,
    RealPairs,
    Sequence,
)
from pipeline.literature.counterparts import without_counterpart
from pipeline.literature.published import SHIPPED, joined, read_published, systems
from pipeline.measuring.protocols import places_of
from pipeline.nearest import nearest_few
from pipeline.settings.outside import Outside
from pipeline.settings.params import (
    RANDOM,
    Applied,
    Experiment,
    Imported,
    Params,
    Recipe,
    SkimageDataset,
    TrainingPairs,
)
from pipeline.settings.programs import Program


def warnings(params: Params) -> list[str]:
    """Return what is allowed but probably not meant, one sentence each."""
    found = [
        f"experiments.{name}: {warning}"
        for name, experiment in params.experiments.items()
        for warning in _experiment_warnings(experiment, params)
    ]
    return [
        *found,
        *_restored_warnings(params),
        *_comparison_warnings(params),
        *process_warnings(params),
    ]


def _comparison_warnings(params: Params) -> Iterator[str]:
    """Find tests that have no published number to be compared with."""
    numbers = joined(read_published(SHIPPED))
    for where, entry in _measured(params).items():
        if entry.compare_with is not None:
            places = places_of(params.benchmarks[entry.test_on])
            for said in without_counterpart(entry.compare_with, places, numbers):
                yield f"{where}.compare_with: {said}"


def _experiment_warnings(experiment: Experiment, params: Params) -> Iterator[str]:
    bank = bank_of(experiment, params)
    recipe = params.recipes[experiment.recipe]
    model = params.models.named(experiment.arch)[experiment.model]
    field, side = model.receptive_field, bank.size // model.scale
    if field is not None and side < field:
        yield (
            f"the patches are {side} pixels wide, the receptive field of "
            f"{experiment.arch}.{experiment.model} is {field}: its outer part trains on padding"
        )
    if getattr(recipe.schedule, "warmup", 0) >= recipe.steps:
        yield f"the warm-up of recipe '{experiment.recipe}' is as long as its {recipe.steps} steps"
    trained = degradation_of(experiment, params)
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


def _restored_warnings(params: Params) -> Iterator[str]:
    """Find inputs restored by networks that learnt from the very samples."""
    for name, restored in params.restored_inputs.items():
        if restored.weights not in params.experiments:
            continue  # nobody knows what imported weights learnt from
        for weights in (restored.weights, *sorted(_ancestors(restored.weights, params))):
            dataset = bank_of(params.experiments[weights], params).dataset
            source = params.tasks[restored.task].source
            if Path(params.datasets[dataset].source) == Path(source):
                yield (
                    f"restored_inputs.{name}: experiment '{weights}' trained on data set "
                    f"'{dataset}', whose source is that of task '{restored.task}', {source}: test "
                    "samples may be restored better than unknown ones would be"
                )


def contradictions(params: Params) -> Iterator[str]:
    """Yield what is wrong between the keys, each with its path."""
    yield from _bank_faults(params)
    for name, degradation in params.degradations.items():
        yield from level_faults(f"degradations.{name}", degradation)
    yield from _pairs_faults(params)
    for name, trials in params.benchmarks.items():
        for position, trial in enumerate(trials):
            yield from trial_faults(f"benchmarks.{name}.{position}", trial, params)
        yield from repeated_levels(f"benchmarks.{name}", trials)
    for name, experiment in params.experiments.items():
        missing = list(_undefined_names(f"experiments.{name}", experiment, params))
        if not missing and not _pairs_are_whole(params.pairs[experiment.train_on], params):
            continue  # a fault of the pairs, which is reported there
        yield from missing or _experiment_faults(f"experiments.{name}", experiment, params)
    yield from _start_faults(params)
    yield from _imported_faults(params)
    yield from _applied_faults(params)
    yield from program_faults(params)
    yield from outside_faults(params)
    yield from _comparison_faults(params)
    yield from _acceptance_faults(params)
    yield from recognition_faults(params)
    yield from process_faults(params)


def _imported_faults(params: Params) -> Iterator[str]:
    for name, imported in params.imported.items():
        where = f"imported.{name}"
        yield from name_faults(where, name, params.experiments)
        missing = list(_undefined_names(where, imported, params))
        yield from missing or _test_faults(where, imported, params)


def _applied_faults(params: Params) -> Iterator[str]:
    for name, applied in params.applied.items():
        where = f"applied.{name}"
        yield from name_faults(where, name, {**params.experiments, **params.imported})
        missing = list(_undefined_names(where, applied, params))
        yield from missing or _application_faults(where, applied, params)


def _bank_faults(params: Params) -> Iterator[str]:
    for name, bank in params.patches.items():
        if bank.dataset not in params.datasets:
            yield undefined(f"patches.{name}.dataset", bank.dataset, "data set", params.datasets)
        if bank.stride > bank.size:
            yield (
                f"patches.{name}.stride: expected at most the size ({bank.size}), so that the "
                f"patches cover the image; came {bank.stride}"
            )


def _pairs_faults(params: Params) -> Iterator[str]:
    """Find training sets whose degraded patches cannot be made of their bank."""
    for name, pairs in params.pairs.items():
        where = f"pairs.{name}"
        known: dict[str, tuple[str, Collection[str]]] = {
            "bank": ("patch bank", params.patches),
            "degradation": ("degradation", params.degradations),
        }
        missing = list(undefined_names(where, pairs, known))
        yield from missing
        if missing or params.patches[pairs.bank].dataset not in params.datasets:
            continue  # the latter is a fault of the bank, which is reported there
        bank, degradation = params.patches[pairs.bank], params.degradations[pairs.degradation]
        yield from pairing_faults(where, bank.dataset, degradation, params)
        found = sorted({reduction_of(level) for level in levels(degradation)})
        if len(found) > 1:
            yield (
                f"{where}: degradation '{pairs.degradation}' leaves patches of several sizes "
                f"(scales {', '.join(f'{one:g}' for one in found)}), but those of a batch must "
                "have one: train on one scale, or on interpolated results"
            )
        for one in found:
            if one % 1 or bank.size % one or bank.stride % one:
                yield (
                    f"{where}: degradation '{pairs.degradation}' has scale {one:g}, a scale that "
                    f"does not divide the patch: '{pairs.bank}' has patches of {bank.size} pixels "
                    f"at a stride of {bank.stride}"
                )


def _pairs_are_whole(pairs: TrainingPairs, params: Params) -> bool:
    return pairs.bank in params.patches and pairs.degradation in params.degradations


def _undefined_names(
    where: str, entry: Experiment | Imported | Applied, params: Params
) -> Iterator[str]:
    known: dict[str, tuple[str, Collection[str]]] = {
        "model": ("model", params.models.named(entry.arch)),
        "train_on": ("entry of pairs", params.pairs),
        "recipe": ("recipe", params.recipes),
        "test_on": ("benchmark", params.benchmarks),
        "weights": ("experiment", {**params.experiments, **params.imported}),
    }
    yield from undefined_names(where, entry, known)


def _comparison_faults(params: Params) -> Iterator[str]:
    try:
        known = systems()
    except (OSError, ValueError) as error:  # its message has the file and the line
        yield f"the published numbers cannot be read: {error}"
        return
    for where, entry in _measured(params).items():
        if entry.compare_with is not None and entry.compare_with not in known:
            yield (
                f"{where}.compare_with: pipeline/literature/published.csv has no system "
                f"'{entry.compare_with}'; {nearest_few(entry.compare_with, known)}"
            )


def _measured(params: Params) -> dict[str, Experiment | Imported | Applied | Program | Outside]:
    """Return all that is measured, by its path."""
    sections: dict[str, Mapping[str, Experiment | Imported | Applied | Program | Outside]] = {
        "experiments": params.experiments,
        "imported": params.imported,
        "applied": params.applied,
        "programs": params.programs,
        "outside": params.outside,
    }
    return {
        f"{key}.{name}": entry for key, part in sections.items() for name, entry in part.items()
    }


def _start_faults(params: Params) -> Iterator[str]:
    trained: dict[str, Experiment | Imported] = {**params.experiments, **params.imported}
    if RANDOM in trained:
        yield f"experiments.{RANDOM}: this name says of `start` that weights are random"
    for name, experiment in params.experiments.items():
        where, start = f"experiments.{name}.start", experiment.start
        if start == RANDOM:
            continue
        if start not in trained:
            yield undefined(where, start, "experiment", [RANDOM, *trained])
        elif trained[start].arch != experiment.arch:
            yield (
                f"{where}: expected an experiment with an {experiment.arch}, or weights of one; "
                f"'{start}' has a {trained[start].arch}"
            )
        elif name in _ancestors(name, params):
            yield f"{where}: '{name}' would start from its own result"


def _ancestors(name: str, params: Params) -> set[str]:
    """Return the experiments that one starts from, directly or not."""
    found: set[str] = set()
    start = params.experiments[name].start
    while start in params.experiments and start not in found:
        found.add(start)
        start = params.experiments[start].start
    return found


def _application_faults(where: str, applied: Applied, params: Params) -> Iterator[str]:
    fault = wrong_network(where, applied, params)
    if fault:
        yield fault
        return
    trained = params.experiments.get(applied.weights) or params.imported[applied.weights]
    if trained.test_on != applied.test_on:
        yield (
            f"{where}.test_on: expected '{trained.test_on}', which '{applied.weights}' is tested "
            f"on and its training images are compared with; came '{applied.test_on}'"
        )
    model = params.models.named(applied.arch)[applied.model]
    if applied.way == "local_averages" and model.receptive_field is not None:
        yield (
            f"{where}.way: {applied.arch}.{applied.model} has no averages over whole images that "
            "could be local"
        )
    if applied.way in ("local_averages", "patches") and applied.weights in params.imported:
        yield f"{where}.way: the size of the patches that imported weights learnt is not known"


def _acceptance_faults(params: Params) -> Iterator[str]:
    seen: dict[tuple[str, str], str] = {}
    for position, accepted in enumerate(params.accepted_overlaps):
        where = f"accepted_overlaps.{position}"
        for key in ("train", "test"):
            name = getattr(accepted, key)
            if name not in params.datasets:
                yield undefined(f"{where}.{key}", name, "data set", params.datasets)
        pair = (accepted.train, accepted.test)
        if pair in seen:
            yield f"{where}: {seen[pair]} is about the same two data sets"
        seen.setdefault(pair, where)


def _experiment_faults(where: str, experiment: Experiment, params: Params) -> Iterator[str]:
    model = params.models.named(experiment.arch)[experiment.model]
    bank = bank_of(experiment, params)
    channels = 3 if bank.colour == "rgb" else 1
    if not model.accepts(channels):
        yield (
            f"{where}: model {experiment.arch}.{experiment.model} has {model.input_channels} "
            f"channel(s), the patches of '{experiment.train_on}' ({bank.colour}) have {channels}"
        )
    if not _restores(params.recipes[experiment.recipe]):
        yield (
            f"{where}.recipe: expected one whose loss is for networks that restore; that of "
            f"'{experiment.recipe}' is for networks that recognise"
        )
    trials = params.benchmarks[experiment.test_on]
    if not {bank.dataset, *(trial.dataset for trial in trials)} <= params.datasets.keys():
        return  # a fault of the bank or of the trial, which is reported there
    yield from _scale_faults(where, experiment, params)
    yield from _noise_map_faults(where, experiment, params)
    yield from _test_faults(where, experiment, params)
    for position, trial in enumerate(trials):
        trial_at = f"benchmarks.{experiment.test_on}.{position}"
        yield from _shared_images(where, bank.dataset, trial_at, trial.dataset, params)


def _restores(recipe: Recipe) -> bool:
    """Tell whether the loss of a recipe is for networks that restore."""
    return isinstance(recipe.loss, str) and recipe.loss != "cross_entropy"


def _scale_faults(where: str, experiment: Experiment, params: Params) -> Iterator[str]:
    """Find networks that do not bring degraded patches to the size of clean ones."""
    model = params.models.named(experiment.arch)[experiment.model]
    for one in sorted({reduction_of(one) for one in levels(degradation_of(experiment, params))}):
        if one != model.scale:
            yield (
                f"{where}: training set '{experiment.train_on}' has "
                f"{_left(one, model.scale, experiment)}"
            )


def _left(reduction: float, scale: int, entry: Experiment | Imported) -> str:
    """Say that images are not as small as the network needs them."""
    size = "images of full size" if reduction == 1 else f"images {reduction:g} times smaller"
    does = "keeps their size" if scale == 1 else f"makes them {scale} times larger"
    return f"{size}, {entry.arch}.{entry.model} {does}: a scale that the network was not built for"


def _noise_map_faults(where: str, experiment: Experiment, params: Params) -> Iterator[str]:
    if not params.models.named(experiment.arch)[experiment.model].takes_noise_map:
        return
    every = versions(degradation_of(experiment, params))
    if any(_hides_noise(one) for one in every) or not any(one.noise for one in every):
        yield (
            f"{where}: {experiment.arch}.{experiment.model} is told the noise level, which needs "
            f"Gaussian noise, and that it comes last: '{experiment.train_on}' has other noise, or "
            "none"
        )


def _hides_noise(version: Version) -> bool:
    """Tell whether a version has noise whose level cannot be told."""
    if not isinstance(version.noise, Gaussian | None):
        return True
    stored = version.stored.settings if version.stored else None
    steps = stored.steps if isinstance(stored, Sequence) else []
    return isinstance(stored, RealPairs) or any(isinstance(step, NOISE) for step in steps)


def _test_faults(where: str, tested: Experiment | Imported, params: Params) -> Iterator[str]:
    """Find trials whose images the network cannot restore."""
    model = params.models.named(tested.arch)[tested.model]
    for position, trial in enumerate(params.benchmarks[tested.test_on]):
        trial_at = f"benchmarks.{tested.test_on}.{position}"
        given = 3 if trial.colour == "rgb" else 1
        if not model.accepts(given):
            yield (
                f"{where}: model {tested.arch}.{tested.model} has {model.input_channels} "
                f"channel(s), {trial_at} ({trial.colour}) has {given}"
            )
        for one in sorted({reduction_of(level) for level in levels(trial.degradation)}):
            if one != model.scale:
                yield f"{where}: {trial_at} leaves {_left(one, model.scale, tested)}"
        told = all(one.noise and not _hides_noise(one) for one in versions(trial.degradation))
        if model.takes_noise_map and not told:
            yield (
                f"{where}: {tested.arch}.{tested.model} is told the noise level, which needs "
                f"Gaussian noise, and that it comes last: {trial_at} has other noise, or none"
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
