"""Stage ``download``: get the images of one data set, verified and decoded once."""

from pathlib import Path

from pipeline.datasets.fetching import fetch_dataset
from pipeline.datasets.mirror import mirror_from_environment
from pipeline.running.stage_runner import run_stage
from pipeline.settings.params import Dataset


def download(
    *,
    dataset: Dataset,
    name: str,
    source: Path,
    checked: Path,  # noqa: ARG001 -- only its existence matters: params.yaml was checked before
    downloads: Path,
    out: Path,
) -> None:
    """Write a data set as ``clean/``, ``degraded/`` (paired sets only) and ``images.csv``.

    Args:
        dataset: Where the images come from.
        name: Name of the data set, for messages.
        source: Catalogue of the set, or the user's folder.
        checked: What the stage ``check`` wrote.
        downloads: Folder that keeps finished downloads; not an output, so that an interrupted
            download goes on where it was.
        out: Folder to write.
    """
    fetch_dataset(
        dataset,
        name=name,
        source=source,
        downloads=downloads,
        mirror=mirror_from_environment(),
        out=out,
    )


if __name__ == "__main__":
    run_stage(download)
