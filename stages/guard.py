"""Stage ``guard``: refuse to train on what is tested on."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.arrays.tables import write_table
from pipeline.contamination import ContaminationError, Findings, Overlap, find_overlaps
from pipeline.contamination.overlap_table import OverlapRow
from pipeline.images.raw_images import list_images
from pipeline.running.outputs import new_file
from pipeline.running.stage_runner import run_stage
from pipeline.settings.params import AcceptedOverlap, Patches

NOT_JUDGED = "not judged: too small or too smooth"

_NAMED_IN_MESSAGE = 5


def guard(
    *,
    name: str,
    bank: Patches,
    tests: Path,
    raw: Path,
    out: Path,
    passed: Path,
    accepted_overlaps: Sequence[AcceptedOverlap],
    threads: int,
) -> None:
    """Look in a training set for the images that its experiments are tested on.

    Args:
        name: Name of the training set, for messages.
        bank: Names the data set that it is made of.
        tests: Names of the test sets, from stage ``list_tests``.
        raw: Folder of all downloaded data sets.
        out: CSV to write, also before a failure: one row a pair of images that show the same,
            and one an image that cannot be judged, with the other image left empty.
        passed: File to write when all is well; its content is always the same.
        accepted_overlaps: Pairs of data sets that may share scenes.
        threads: Images to look at side by side.

    Raises:
        ContaminationError: Sets share a scene and nobody accepted that.
        ImageError: An image cannot be read.
    """
    train = list_images(raw / bank.dataset)
    names = tests.read_text(encoding="utf-8").splitlines()
    test = {one: list_images(raw / one) for one in names}
    findings = find_overlaps(train, test, threads)
    with new_file(out) as file:
        write_table(file, OverlapRow, _rows(bank.dataset, findings))
    if findings.not_judged:
        logging.getLogger("pipeline").warning(
            "%d image(s) are too small or too smooth to be looked for: see %s",
            len(findings.not_judged),
            out,
        )
    accepted = {pair.test for pair in accepted_overlaps if pair.train == bank.dataset}
    by_set: dict[str, list[Overlap]] = defaultdict(list)
    for overlap in findings.overlaps:
        if overlap.test_set not in accepted:
            by_set[overlap.test_set].append(overlap)
    if by_set:
        raise ContaminationError(
            "\n".join(
                [
                    f"experiments on '{name}' would be tested on what they were trained on:",
                    *(_explain(bank.dataset, len(train), found) for found in by_set.values()),
                    f"All pairs are in {out}. Take these images out of the training set, test on "
                    "another set, or accept the overlap in params.yaml (the report then says so):",
                    "accepted_overlaps:",
                    *(f"  - {{train: {bank.dataset}, test: {name}, why: ...}}" for name in by_set),
                ]
            )
        )
    with new_file(passed) as file:
        file.write_text("no test image is in the training set, or that is accepted\n")


def _explain(train_set: str, images: int, found: Sequence[Overlap]) -> str:
    guilty = len({overlap.train_image for overlap in found})
    named = [f"{o.train_image} ({o.how}) {o.test_image}" for o in found[:_NAMED_IN_MESSAGE]]
    more = len(found) - len(named)
    return (
        f"- {guilty} of {images} images of '{train_set}' overlap with '{found[0].test_set}': "
        + ", ".join(named)
        + (f" and {more} more pair(s)" if more else "")
    )


def _rows(train_set: str, findings: Findings) -> Iterator[OverlapRow]:
    for overlap in findings.overlaps:
        yield OverlapRow(train_set=train_set, **vars(overlap))
    for test_set, image in findings.not_judged:
        of_training = test_set is None
        yield OverlapRow(
            train_set=train_set if of_training else None,
            train_image=image if of_training else None,
            test_set=test_set,
            test_image=None if of_training else image,
            how=NOT_JUDGED,
        )


if __name__ == "__main__":
    run_stage(guard)
