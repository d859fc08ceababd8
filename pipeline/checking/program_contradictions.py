"""Contradictions in what ``params.yaml`` says of networks that run by themselves."""

from collections.abc import Collection, Iterator

from pipeline.checking.faults import name_faults, undefined_names
from pipeline.degradations.levels import levels, reduction_of, versions
from pipeline.degradations.settings import Gaussian
from pipeline.settings.params import Params, Trial
from pipeline.settings.programs import Program


def program_faults(params: Params) -> Iterator[str]:
    """Yield what is wrong with the section ``programs``, a sentence each."""
    taken = {*params.experiments, *params.imported, *params.applied}
    for name, program in params.programs.items():
        where = f"programs.{name}"
        yield from name_faults(where, name, taken)
        known: dict[str, tuple[str, Collection[str]]] = {
            "test_on": ("benchmark", params.benchmarks)
        }
        missing = list(undefined_names(where, program, known))
        yield from missing
        for position, trial in enumerate([] if missing else params.benchmarks[program.test_on]):
            yield from _trial_faults(
                where, program, f"benchmarks.{program.test_on}.{position}", trial
            )


def _trial_faults(where: str, program: Program, trial_at: str, trial: Trial) -> Iterator[str]:
    """Find images that the program cannot restore."""
    if (program.channels == "gray") != (trial.colour != "rgb"):
        yield (
            f"{where}.channels: the program takes {program.channels} images, those of {trial_at} "
            f"are {trial.colour}"
        )
    for one in sorted({reduction_of(level) for level in levels(trial.degradation)}):
        if one != program.scale:
            yield (
                f"{where}.scale: the images of {trial_at} are {one:g} times smaller than clean "
                f"ones; the program makes them {program.scale} times larger"
            )
    if program.noise_map and not all(
        isinstance(one.noise, Gaussian) and one.stored is None
        for one in versions(trial.degradation)
    ):
        yield (
            f"{where}.noise_map: the program is told the noise level, which needs Gaussian noise "
            f"alone; {trial_at} has something else"
        )
