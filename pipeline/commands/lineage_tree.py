"""A chain of stages as an indented tree: what each wrote, with which settings, from what."""

import csv
import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.commands.model_cards import read_card
from pipeline.commands.tracked_runs import ask_of_weights
from pipeline.graph.dag import key_of
from pipeline.graph.recorded_stages import RecordedStage, makers_of, origins_of
from pipeline.report.words import describe_settings

DIGITS = 12
"""Of a checksum that are printed."""

_MODELS, _RAW = "data/models/", "data/raw/"

_TRAINING = ("train@", "learn@")
"""Stages whose runs MLflow records."""

_NO_CAUSE = ("resources", "resources.threads")
"""Values that stages read and that decide no result."""

_MOST_LINES = 6
"""That the settings of a stage take."""


def describe_run(record: Mapping[str, Any]) -> str:
    """Return a run of MLflow in a few words."""
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(record["began"] / 1000))
    words = [record["id"], f"began {began}", str(record["state"]).lower()]
    if record["seconds"] is not None:
        words.append(f"trained {record['seconds']:,.0f} s")
    return ", ".join([*words, *_where_code_stood(record)])


def _where_code_stood(facts: Mapping[str, Any]) -> list[str]:
    if not facts.get("commit"):
        return []
    edited = facts.get("edited")
    how = {"no": "", None: "", "unknown": ""}.get(edited, ", with edited files")
    return [f"commit {facts['commit'][:DIGITS]}{how}"]


def _described_settings(params: Mapping[str, Any]) -> str:
    """Return values of params.yaml in words, and of whole sections their names."""
    known = {key: value for key, value in params.items() if key not in _NO_CAUSE and value != []}
    whole = [key for key, value in known.items() if "." not in key and isinstance(value, dict)]
    words = [describe_settings({key: one for key, one in known.items() if key not in whole})]
    if whole:
        words.append(f"all of {', '.join(whole)}")
    return ", ".join(filter(None, words))


class LineageTree:
    """The stages that something follows from, each of them shown once.

    Args:
        root: Folder of the project.
        stages: All that ran.
        width: Of the terminal.
    """

    def __init__(self, root: Path, stages: Mapping[str, RecordedStage], width: int) -> None:
        self._root = root
        self._stages = stages
        self._width = width
        self._shown: set[str] = set()
        self._runs: dict[str, dict[str, Any]] = {}

    def ask_of_runs(self, names: Iterable[str]) -> None:
        """Ask the tracker of all trainings that some stages follow from, at once."""
        found: set[str] = set()
        left = list(names)
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += origins_of(self._stages[name], self._stages).stages
        trained = {key_of(name) for name in found if name.startswith(_TRAINING)}
        cards = {name: read_card(self._root, f"{_MODELS}{name}") for name in sorted(trained)}
        self._runs = ask_of_weights(
            self._root, {name: card["weights_sha256"] for name, card in cards.items() if card}
        )

    def lines(self, name: str, depth: int = 0) -> Iterator[str]:
        """Yield the lines of a stage, and below it those of what it follows from."""
        self._shown.add(name)
        stage = self._stages[name]
        yield self._cut(f"{'  ' * depth}{name}")
        for title, text in self._facts(stage):
            yield from self._wrapped(depth, title, text)
        origins = origins_of(stage, self._stages)
        # The way of the experiment itself comes before what it was measured on.
        ordered = sorted(origins.stages, key=lambda one: key_of(one) != key_of(name))
        above = []
        for origin in ordered:
            if origin in self._shown:
                above.append(origin)
            else:
                yield from self.lines(origin, depth + 1)
        if above:
            yield from self._wrapped(depth, "after", f"{', '.join(above)} (above)")

    def _facts(self, stage: RecordedStage) -> Iterator[tuple[str, str]]:
        origins = origins_of(stage, self._stages)
        for path, checksum in stage.writes.items():
            yield "wrote", f"{path}  {checksum[:DIGITS]}"
            if path.startswith(_MODELS):
                yield from self._of_weights(path, stage)
            if path.startswith(_RAW):
                yield from self._of_images(path)
        if settings := _described_settings(stage.params):
            yield "set", settings
        for path in self._sources(stage):
            yield "source", f"{path}  {stage.reads[path][:DIGITS]}"
        for path in origins.replaced:
            yield (
                "stale",
                f"{path} has been written anew since; it read {stage.reads[path][:DIGITS]}",
            )
        for path, count in origins.others.items():
            yield "also", f"{count} more wrote into {path}, which its settings do not name"

    def _sources(self, stage: RecordedStage) -> list[str]:
        """Return what a stage read as data and no stage wrote."""
        return [path for path in stage.sources if not makers_of(path, self._stages)]

    def _of_weights(self, folder: str, stage: RecordedStage) -> Iterator[tuple[str, str]]:
        card = read_card(self._root, folder)
        if not card:
            return
        words = [f"weights {card['weights_sha256'][:DIGITS]}"]
        if card.get("steps") is not None:
            words.append(f"{card['steps']:,} steps")
        if card.get("training_seconds") is not None:
            words.append(f"trained {card['training_seconds']:,.0f} s")
        yield "card", ", ".join([*words, *_where_code_stood(card)])
        if key_of(stage.name) in self._runs:
            yield "run", describe_run(self._runs[key_of(stage.name)])

    def _of_images(self, folder: str) -> Iterator[tuple[str, str]]:
        path = self._root / folder / "images.csv"
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                count = sum(1 for _ in csv.DictReader(file))
            yield "files", f"{count}, the sha256 of each in {folder}/images.csv"

    def _wrapped(self, depth: int, title: str, text: str) -> list[str]:
        start = f"{'  ' * depth}    {title:<6} "
        lines = textwrap.wrap(
            text,
            max(self._width, len(start) + 20),
            initial_indent=start,
            subsequent_indent=" " * len(start),
            max_lines=_MOST_LINES if title == "set" else None,
            placeholder=" ...",
            break_on_hyphens=False,
        )
        return [self._cut(line) for line in lines]

    def _cut(self, line: str) -> str:
        from pipeline.commands.fitting_table import shorten

        return shorten(line, self._width)
