"""``restore export``: a trained network as a file that other programs run."""

import argparse
import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import SUCCESS, USAGE, CommandError
from pipeline.commands.elsewhere import ask
from pipeline.commands.reading_params import read_params

if TYPE_CHECKING:
    from pipeline.measuring.score_table import Means
    from pipeline.settings.params import Experiment, Imported, Params

SUMMARY = "write a trained network as a file that other programs run, or as weights with a card"

_NEEDED = {".onnx": ("onnx", "onnxscript", "onnxruntime"), ".pt2": ()}
"""Packages that a format needs beyond those of the project, by suffix."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what the command needs to know."""
    parser.add_argument(
        "names",
        nargs="+",
        metavar="NAME",
        help="an experiment or an entry of imported, with its weights there; several, to folders",
    )
    parser.add_argument(
        "--to",
        required=True,
        # Now: the command runs in the project's folder, wherever it was given.
        type=lambda text: Path(text).absolute(),
        metavar="FILE",
        help="file to write: .onnx, for ONNX Runtime and others, or .pt2, for torch.export.load; "
        "or a folder, for weights with a card, which `restore photo --model` takes (of several "
        "networks a folder each in it)",
    )


def run(root: Path, options: argparse.Namespace) -> int:
    """Export networks, and print what the files hold.

    Args:
        root: Folder of the project.
        options: What ``add_options`` asks for.

    Raises:
        CommandError: There is no such network, the format is unknown or lacks a package, or the
            file would not compute what the network computes.
    """
    as_folder = options.to.is_dir() or not options.to.suffix
    if not as_folder:
        _check_format(options.to)
        if len(options.names) > 1:
            raise CommandError(
                f"--to {options.to.name}: expected a folder for several networks, came a file",
                USAGE,
            )
    params = read_params(root / "params.yaml")
    entries = {name: _entry(params, name) for name in options.names}
    weights = {name: _weights(root, name, params) for name in options.names}
    if as_folder:
        for name in entries:
            to = options.to if len(entries) == 1 else options.to / name
            _write_folder(root, name, params, to)
        return SUCCESS
    ((name, entry),) = entries.items()
    request = {
        "name": name,
        "arch": entry.arch,
        "model": params.models.named(entry.arch)[entry.model].model_dump(mode="json"),
        "weights": str(weights[name]),
        "to": str(options.to),
    }
    answer = _export(root, request)
    print(_summary(options.to, answer))
    return SUCCESS


def _check_format(to: Path) -> None:
    if to.suffix not in _NEEDED:
        raise CommandError(
            f"--to {to.name}: expected a name that ends in {' or '.join(_NEEDED)}, came "
            f"'{to.suffix}'",
            USAGE,
        )
    missing = [package for package in _NEEDED[to.suffix] if find_spec(package) is None]
    if missing:
        raise CommandError(
            f"{to.suffix} files need {', '.join(missing)}, not installed here; in the project's "
            "folder, `pip install --constraint .ci/constraints.txt --editable '.[export]'` "
            "installs it (.pt2 files need nothing more)"
        )


def _entry(params: "Params", name: str) -> "Experiment | Imported":
    from pipeline.nearest import nearest_known

    entries: dict[str, Experiment | Imported] = {**params.experiments, **params.imported}
    if name not in entries:
        raise CommandError(
            f"{name}: params.yaml has no such experiment or imported weights; "
            f"{nearest_known(name, entries)}",
            USAGE,
        )
    return entries[name]


def _weights(root: Path, name: str, params: "Params") -> Path:
    path = Path("data") / "models" / name / "weights.safetensors"
    if not (root / path).is_file():
        stage = "train" if name in params.experiments else "import_weights"
        raise CommandError(
            f"{path}: there are no weights yet; `dvc repro {stage}@{name}` makes them"
        )
    return path


def _write_folder(root: Path, name: str, params: "Params", to: Path) -> None:
    """Copy weights, with a card that says all that is known of them here."""
    from pipeline.arrays.stage_outputs import read_json
    from pipeline.checking.training_sets import bank_of
    from pipeline.running.provenance import provenance

    trained = root / "data" / "models" / name
    try:
        card = read_json(trained / "card.json")
        if name in params.experiments:
            bank = bank_of(params.experiments[name], params)
            seconds = _training_seconds(root, name, card["weights_sha256"])
            card |= {"colour": bank.colour, "training_seconds": seconds}
        stands = provenance(root)
        card |= {"commit": stands["git.commit"], "edited": stands["git.edited"]}
        if results := _results(root, name, params):
            card |= {"results": results}
        to.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(trained / "weights.safetensors", to / "weights.safetensors")
        (to / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        raise CommandError(f"{name}: cannot be written to {to}: {error}") from error
    size = (to / "weights.safetensors").stat().st_size
    print(
        f"{to}\n  holds    {size / 1e6:.1f} MB of weights, and card.json, which says what made them"
    )


def _results(root: Path, name: str, params: "Params") -> "Means":
    """Return what the network reaches by every protocol; nothing where it was not measured."""
    from pipeline.arrays.tables import read_table
    from pipeline.measuring.score_table import SCORES, Score, inputs_of, mean_scores

    measured = root / "data" / "evaluated" / name / SCORES
    if not measured.is_file():
        return {}
    benchmark = _entry(params, name).test_on
    inputs = root / "data" / "baselines" / benchmark / SCORES
    before = inputs_of(read_table(inputs, Score, f"baseline@{benchmark}"))
    try:
        return mean_scores(read_table(measured, Score, f"evaluate@{name}"), before)
    except KeyError as error:
        raise ValueError(f"its scores are not up to date: `dvc repro evaluate@{name}`") from error


def _training_seconds(root: Path, name: str, weights: str) -> float | None:
    request = {"seconds": {name: weights}}
    answer = ask(root, "pipeline.running.trial_records", request, "asking the tracker")
    seconds: float | None = answer["seconds"][name]
    return seconds


def _export(root: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Have the network exported by another process."""
    answer: dict[str, Any] = ask(
        root, "pipeline.exchange.exporting", request, f"exporting {request['name']}"
    )
    if "refused" in answer:
        raise CommandError(f"{request['name']}: {answer['refused']}")
    return answer


def _summary(to: Path, answer: dict[str, Any]) -> str:
    facts = answer["facts"]
    halo = facts["halo"]
    tiles = (
        "none: it looks at the whole image"
        if halo is None
        else f"exact with a halo of {halo} pixels"
    )
    extra = " and a noise-level map" if facts["noise_map"] else ""
    size = "as large" if facts["scale"] == 1 else f"{facts['scale']} times as large"
    return "\n".join(
        [
            str(to),
            f"  holds    {facts['architecture']} {facts['experiment']}, sha256 of its weights "
            f"{facts['weights_sha256'][:12]}",
            f"  takes    float32 (N, C, H, W) in [0, 1], C = {facts['channels']}{extra}",
            f"  gives    the same, {size}, not clipped",
            f"  tiles    {tiles}",
            f"  checked  differs from the network by at most {answer['difference']:.1g}",
        ]
    )
