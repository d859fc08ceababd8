"""Champions: in MLflow's registry a model a benchmark, whose alias ``champion`` is on the best.

The best has the highest mean PSNR over all data sets and degradations of the benchmark, each by
the protocol that the report leads with. ``restore photo --model models:/NAME@champion`` takes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.checking.params_file import load_params
from pipeline.measuring.protocols import first_places
from pipeline.running.runs import EXPERIMENT_TAG
from pipeline.running.runs_table import cards_by_weights, measured_runs
from pipeline.running.stage_runner import PARAMS
from pipeline.running.trial_records import Run

if TYPE_CHECKING:
    from pipeline.running.tracking import Tracker

ALIAS = "champion"

_WEIGHTS = "restore.weights"
_FILES = "weights"
"""Folder of a run that has its weights and their card."""


@dataclass(frozen=True)
class _Candidate:
    run: Run
    psnr: float
    """Mean over the places of the benchmark."""


def crown(tracker: "Tracker") -> None:
    """Give the alias of each benchmark to the best of the networks that the project has now.

    Raises:
        OSError: A file of the project cannot be read.
        ValueError: ``params.yaml`` or a card is broken.
    """
    if not PARAMS.is_file():
        return
    cards = cards_by_weights()
    runs = [
        run
        for run in measured_runs(tracker)
        # A name of the same weights that restores them in another way has no weights of its own.
        if _name_of(cards.get(run.data.tags[_WEIGHTS])) == run.data.tags[EXPERIMENT_TAG]
    ]
    for benchmark, trials in load_params(PARAMS).benchmarks.items():
        places = ["/".join(place) for place in first_places(trials)]
        scored = [
            _Candidate(run, sum(scores) / len(scores))
            for run in runs
            if None not in (scores := [run.data.metrics.get(f"{place}/psnr") for place in places])
        ]
        if scored:
            scored.sort(key=lambda one: -one.psnr)
            best = scored[0].run
            _put_files(tracker, best, cards[best.data.tags[_WEIGHTS]])
            _register(tracker, benchmark, best, _reason(scored, places))


def _name_of(card: Mapping[str, Any] | None) -> str | None:
    return None if card is None else card["folder"].name


def _reason(scored: list[_Candidate], places: list[str]) -> str:
    def words(one: _Candidate) -> str:
        return f"{one.run.data.tags[EXPERIMENT_TAG]} {one.psnr:.2f} dB"

    others = ", ".join(map(words, scored[1:])) or "none"
    return f"{words(scored[0])}: highest mean PSNR over {', '.join(places)}. Others: {others}."


def _put_files(tracker: "Tracker", run: Run, card: Mapping[str, Any]) -> None:
    """Give a run its weights and their card, if it only has scores of them."""
    if not tracker.client.list_artifacts(run.info.run_id, _FILES):
        for name in ("weights.safetensors", "card.json"):
            tracker.client.log_artifact(run.info.run_id, str(card["folder"] / name), _FILES)


def _register(tracker: "Tracker", name: str, run: Run, reason: str) -> None:
    """Make the run's weights a version of a model, if they are none, and the champion."""
    client, weights = tracker.client, run.data.tags[_WEIGHTS]
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description=f"Networks that restore `{name}`.")
    versions = client.search_model_versions(f"name = '{name}'")
    known = [one for one in versions if one.tags.get(_WEIGHTS) == weights]
    version = known[0] if known else _new_version(tracker, name, run)
    if ALIAS not in version.aliases:
        client.set_registered_model_alias(name, ALIAS, version.version)
    if version.description != reason:
        client.update_model_version(name, version.version, reason)


def _new_version(tracker: "Tracker", name: str, run: Run) -> Any:  # noqa: ANN401  (MLflow's own)
    tags = {name: run.data.tags[name] for name in (_WEIGHTS, EXPERIMENT_TAG)}
    # Of the run, not of a folder: it stays right when the project is moved.
    source = f"runs:/{run.info.run_id}/{_FILES}"
    return tracker.client.create_model_version(name, source, run.info.run_id, tags)
