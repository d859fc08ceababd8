"""Contradictions in what ``params.yaml`` says of the results of other programs."""

from collections import Counter
from collections.abc import Collection, Iterator

from pipeline.checking.faults import name_faults, undefined_names
from pipeline.degradations.levels import levels
from pipeline.degradations.result_files import file_name
from pipeline.settings.outside import Outside
from pipeline.settings.params import Params


def outside_faults(params: Params) -> Iterator[str]:
    """Yield what is wrong with the section ``outside``, a sentence each."""
    taken = {*params.experiments, *params.imported, *params.applied, *params.programs}
    for name, outside in params.outside.items():
        where = f"outside.{name}"
        yield from name_faults(where, name, taken)
        known: dict[str, tuple[str, Collection[str]]] = {
            "test_on": ("benchmark", params.benchmarks)
        }
        missing = list(undefined_names(where, outside, known))
        yield from missing or _file_faults(f"{where}.files", outside, params)


def _file_faults(where: str, outside: Outside, params: Params) -> Iterator[str]:
    """Find levels that would share a file, as far as names alone tell."""
    try:
        files = Counter(
            file_name(outside.files, trial.dataset, level, "IMAGE")
            for trial in params.benchmarks[outside.test_on]
            for level in levels(trial.degradation)
        )
    except ValueError as error:
        yield f"{where}: {error}"
        return
    ((file, count),) = files.most_common(1)
    if count > 1:
        yield (
            f"{where}: {count} levels or data sets of '{outside.test_on}' would share {file}; put "
            "{data_set} or {level} into it"
        )
