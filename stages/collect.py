"""Stage ``collect``: the samples of one recognition task, verified, read and split."""

from pathlib import Path

from pipeline.datasets.mirror import mirror_from_environment
from pipeline.recognition.collecting.collecting_task import collect_task
from pipeline.recognition.labelled.samples import write_labelled
from pipeline.running.outputs import new_folder
from pipeline.running.stage_runner import run_stage
from pipeline.settings.tasks import Task


def collect(
    *,
    task: Task,
    name: str,
    source: Path,
    checked: Path,  # noqa: ARG001 -- only its existence matters: params.yaml was checked before
    downloads: Path,
    out: Path,
    seed: int,
) -> None:
    """Write the clean input of a task: a folder of labelled data.

    Args:
        task: What is recognised, where the samples come from and how they are split.
        name: Name of the task.
        source: Catalogue of a published set, or the user's folder.
        checked: What the stage ``check`` wrote.
        downloads: Folder that keeps finished downloads; not an output, so that an interrupted
            download goes on where it was.
        out: Folder to write.
        seed: Decides what is drawn at random.
    """
    labelled = collect_task(
        task,
        name=name,
        source=source,
        downloads=downloads,
        mirror=mirror_from_environment(),
        seed=seed,
    )
    card = {
        "task": name,
        "from": None,
        "degradation": None,
        "restored_by": None,
        "model": None,
        "psnr": None,
        "psnr_input": None,
    }
    with new_folder(out) as folder:
        write_labelled(folder, labelled, card)


if __name__ == "__main__":
    run_stage(collect)
