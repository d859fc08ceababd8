"""Stage ``list_tests``: list the test sets whose images a training set must not hold."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.running.outputs import new_folder
from pipeline.running.stage_runner import run_stage
from pipeline.settings.params import Experiment, TrainingPairs, Trial


def list_tests(
    *,
    checked: Path,  # noqa: ARG001 -- only its existence matters: params.yaml was checked before
    out: Path,
    pairs: Mapping[str, TrainingPairs],
    experiments: Mapping[str, Experiment],
    benchmarks: Mapping[str, Sequence[Trial]],
) -> None:
    """Write for each training set which data sets its experiments are tested on.

    What an experiment started from counts too: its network has seen those images.

    Args:
        checked: What the stage ``check`` wrote.
        out: Folder to make: ``PAIRS.txt``, one name of a data set a line.
        pairs: All training sets.
        experiments: What trains on them.
        benchmarks: What is tested on.
    """
    tested: dict[str, set[str]] = {name: set() for name in pairs}
    for experiment in experiments.values():
        sets = {trial.dataset for trial in benchmarks[experiment.test_on]}
        trained: Experiment | None = experiment
        while trained is not None:
            tested[trained.train_on] |= sets
            trained = experiments.get(trained.start)
    with new_folder(out) as folder:
        for name, sets in tested.items():
            (folder / f"{name}.txt").write_text("".join(f"{one}\n" for one in sorted(sets)))


if __name__ == "__main__":
    run_stage(list_tests)
