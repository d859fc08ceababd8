"""What would stop stages before they begin, as far as it shows without reading or fetching data."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.settings.outside import Outside
    from pipeline.settings.params import Applied, Experiment, Imported, Params, Trial
    from pipeline.settings.programs import Program

_WEIGHTS = "weights.safetensors"


def faults_before_running(root: Path, params: "Params", stages: Collection[str]) -> list[str]:
    """Return what would stop some stages, a fault a text of one or more lines.

    Args:
        root: Folder of the project.
        params: The settings.
        stages: Names of the stages that may run.
    """
    from pipeline.images.raw_images import DatasetError

    faults = []
    for stage, check in _checks(root, params, stages):
        if stage in stages:
            try:
                check()
            except (DatasetError, OSError) as error:
                faults.append(f"{stage}: {error}")
    return faults


def _checks(
    root: Path, params: "Params", stages: Collection[str]
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield stages that read what no stage writes, and what looks whether it is there."""
    from pipeline.datasets.before_fetching import check_before_fetching

    for name, dataset in params.datasets.items():
        yield f"download@{name}", partial(check_before_fetching, dataset, root, name)
    if params.tasks:
        from pipeline.recognition.collecting.before_collecting import check_before_collecting

        for name, task in params.tasks.items():
            yield f"collect@{name}", partial(check_before_collecting, task, root, name)
    yield from _checks_of_benchmarks(root, params, stages)
    for name, imported in params.imported.items():
        yield f"import_weights@{name}", partial(_check_weights, imported, root, name)
    for name, program in params.programs.items():
        yield f"reconstruct_programs@{name}", partial(_check_program, program, root, name)
    for name, outside in params.outside.items():
        yield f"reconstruct_outside@{name}", partial(_check_results, outside, root, name)


def _checks_of_benchmarks(
    root: Path, params: "Params", stages: Collection[str]
) -> Iterator[tuple[str, Callable[[], None]]]:
    for name, trials in params.benchmarks.items():
        yield f"degrade_test@{name}", partial(_check_sizes, trials, params, root, name)
        # The first that lacks the files of a measure says so for all of them.
        for stage in [one for one in _measuring(params, name) if one in stages][:1]:
            yield stage, partial(_check_measures, trials, root, name)


def _check_sizes(trials: "Iterable[Trial]", params: "Params", root: Path, name: str) -> None:
    """Refuse images that are too small for a perceptual measure, where their sizes are known."""
    from pipeline.datasets.set_facts import image_sizes
    from pipeline.images.files import ImageError
    from pipeline.images.raw_images import DatasetError
    from pipeline.measuring.perceptual_measures import check_size

    for trial in trials:
        if trial.perceptual is None:
            continue
        try:
            for size in image_sizes(params.datasets[trial.dataset], root, trial.dataset) or ():
                check_size(trial.perceptual, *size)
        except ImageError:  # the stage that gets the images says so
            continue
        except DatasetError:
            raise
        except ValueError as error:
            raise DatasetError(f"benchmarks.{name}: data set '{trial.dataset}': {error}") from error


def _measuring(params: "Params", benchmark: str) -> list[str]:
    """Return the stages that measure what was restored of a benchmark."""
    entries: dict[str, Mapping[str, Experiment | Imported | Applied | Program | Outside]] = {
        "evaluate": params.experiments,
        "evaluate_imported": params.imported,
        "evaluate_applied": params.applied,
        "evaluate_programs": params.programs,
        "evaluate_outside": params.outside,
    }
    return [
        f"baseline@{benchmark}",
        *(
            f"{stage}@{name}"
            for stage, named in entries.items()
            for name, entry in named.items()
            if entry.test_on == benchmark
        ),
    ]


def _check_measures(trials: "Iterable[Trial]", root: Path, name: str) -> None:
    """Refuse perceptual measures whose weights are not at hand."""
    from pipeline.measuring.perceptual_files import WeightsFileError, require_files

    for trial in trials:
        try:
            require_files(trial.perceptual or (), root)
        except WeightsFileError as error:
            raise WeightsFileError(f"benchmarks.{name}: {error}") from error


def _check_program(program: "Program", root: Path, name: str) -> None:
    from pipeline.exchange.programs.needed import missing_package

    if not (root / program.source).is_file():
        raise FileNotFoundError(
            f"programs.{name}.source: expected a file of a network; there is none at "
            f"{root / program.source}"
        )
    missing = missing_package(program.kind)
    if missing:
        raise FileNotFoundError(f"programs.{name}.kind: {missing}")


def _check_results(outside: "Outside", root: Path, name: str) -> None:
    if not (root / outside.source).is_dir():
        raise FileNotFoundError(
            f"outside.{name}.source: expected a folder of restored images; there is none at "
            f"{root / outside.source}"
        )


def _check_weights(imported: "Imported", root: Path, name: str) -> None:
    place = root / imported.source
    file = place / _WEIGHTS if place.is_dir() else place
    if not file.is_file():
        raise FileNotFoundError(
            f"imported.{name}.source: expected a file of weights, or a folder with {_WEIGHTS}; "
            f"there is none at {place}"
        )
