"""The table of networks: what each costs beside what it brings."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.arrays.tables import write_table
from pipeline.literature.papers import Paper
from pipeline.measuring.score_table import Place
from pipeline.report.results import Decibels, Result


@dataclass(frozen=True, kw_only=True)
class NetworkRow:
    """A row of ``networks.csv``; what is not known is left empty."""

    experiment: str
    model: str
    parameters: int
    parameters_published: int | None
    receptive_field: int | None
    multiply_adds_256: int | None
    steps: int | None
    training_multiply_adds: int | None
    data_set: str
    degradation: str
    protocol: str
    psnr: Decibels
    psnr_input: Decibels


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
        training: Multiply-adds of all its steps, there and back; None likewise. The seconds that
            they took differ from run to run, and the same results give the same page.
    """

    result: Result
    parameters: int
    published: int | None
    receptive_field: int | None
    multiply_adds: int | None
    steps: int | None
    training: int | None


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
            training=_training(card),
        )
        for name, card in cards.items()
        if name in first
    ]


_THERE_AND_BACK = 3
"""Multiply-adds of a step over those of the output alone: as much again for the gradients of what
goes in, and of the weights."""


def _training(card: Mapping[str, Any]) -> int | None:
    """Return the multiply-adds of a training; None where its card does not say all of it."""
    if not {"multiply_adds_256", "steps", "trained_on"} <= card.keys():
        return None
    pixels = card["steps"] * card["recipe"]["batch"] * card["trained_on"]["patch_size"] ** 2
    count: int = _THERE_AND_BACK * card["multiply_adds_256"] * pixels // 256**2
    return count


def _published(paper: Paper | None, ours: int) -> int | None:
    """Return what a paper counts; of several counts that which is nearest to ours."""
    if paper is None or paper.parameters is None:
        return None
    if isinstance(paper.parameters, int):
        return paper.parameters
    return min(paper.parameters.values(), key=lambda count: abs(count - ours))


def write_networks(path: Path, networks: Iterable[Network]) -> None:
    """Write ``networks.csv``."""
    write_table(path, NetworkRow, map(_row, networks))


def _row(network: Network) -> NetworkRow:
    result = network.result
    return NetworkRow(
        experiment=result.experiment,
        model=result.model,
        parameters=network.parameters,
        parameters_published=network.published,
        receptive_field=network.receptive_field,
        multiply_adds_256=network.multiply_adds,
        steps=network.steps,
        training_multiply_adds=network.training,
        data_set=result.data_set,
        degradation=result.degradation,
        protocol=result.protocol,
        psnr=result.psnr,
        psnr_input=result.psnr_input,
    )
