"""The table of networks: what each costs beside what it brings."""

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.literature.papers import Paper
from pipeline.report.results import Place, Result, fixed

COLUMNS = (
    "experiment",
    "model",
    "parameters",
    "parameters_published",
    "receptive_field",
    "multiply_adds_256",
    "steps",
    "data_set",
    "degradation",
    "protocol",
    "psnr",
    "psnr_input",
)
"""Of ``networks.csv``, in this order."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """One network.

    Args:
        result: The first result that its benchmark leads with.
        parameters: How many numbers it has learnt.
        published: How many its paper counts; None if that is not known.
        receptive_field: Side of the square of input pixels that an output pixel sees; None for
            a network that averages over the whole image.
        multiply_adds: For 256x256 restored pixels; None for weights that were trained elsewhere.
        steps: Of the training; None likewise.
    """

    result: Result
    parameters: int
    published: int | None
    receptive_field: int | None
    multiply_adds: int | None
    steps: int | None


def tabulate_networks(
    cards: Mapping[str, Mapping[str, Any]],
    systems: Mapping[str, str | None],
    results: Iterable[Result],
    leading: Collection[Place],
    papers: Mapping[str, Paper],
) -> list[Network]:
    """Return a row for each network that was trained or imported.

    Args:
        cards: Model cards, by name of the experiment, in the order of the table.
        systems: Which published system each stands for.
        results: What all of them reached.
        leading: Places of the protocols that trials lead with.
        papers: Facts about the published systems.
    """
    first: dict[str, Result] = {}
    for result in results:
        if result.place in leading:
            first.setdefault(result.experiment, result)
    return [
        Network(
            result=first[name],
            parameters=card["parameters"],
            published=_published(papers.get(systems.get(name) or ""), card["parameters"]),
            receptive_field=card.get("receptive_field"),
            multiply_adds=card.get("multiply_adds_256"),
            steps=card.get("steps"),
        )
        for name, card in cards.items()
        if name in first
    ]


def _published(paper: Paper | None, ours: int) -> int | None:
    """Return what a paper counts; of several counts that which is nearest to ours."""
    if paper is None or paper.parameters is None:
        return None
    if isinstance(paper.parameters, int):
        return paper.parameters
    return min(paper.parameters.values(), key=lambda count: abs(count - ours))


def write_networks(path: Path, networks: Iterable[Network]) -> None:
    """Write ``networks.csv``; what is not known is left empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_values(network) for network in networks)


def _values(network: Network) -> Iterator[object]:
    result = network.result
    yield from (result.experiment, result.model, network.parameters, network.published)
    yield from (network.receptive_field, network.multiply_adds, network.steps)
    yield from (result.data_set, result.degradation, result.protocol)
    yield from (fixed(result.psnr, 4), fixed(result.psnr_input, 4))
