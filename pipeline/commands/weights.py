"""``restore import``: look at published weights, and make them ready to be measured."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import SUCCESS, USAGE, CommandError
from pipeline.commands.elsewhere import ask
from pipeline.commands.params_entries import add_to_params
from pipeline.commands.reading_params import read_params
from pipeline.nearest import nearest_known

if TYPE_CHECKING:
    from pipeline.checking.params_text import NewEntry
    from pipeline.settings.params import Params

SUMMARY = "look at published weights, and name them in params.yaml to have them measured"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what the command needs to know."""
    parser.add_argument(
        "file",
        # Now: the command runs in the project's folder, wherever it was given.
        type=_absolute,
        metavar="FILE",
        help="a PyTorch state dict or checkpoint, safetensors or MatConvNet .mat, as its authors "
        "published it",
    )
    parser.add_argument(
        "--entry",
        metavar="NAME",
        help="which of several networks in the file, such as params or state_dict.generator "
        "(otherwise the one that fits, averaged weights first)",
    )
    parser.add_argument(
        "--model",
        metavar="ARCH.NAME",
        help="the entry of models that it must fit (otherwise the first that it fits)",
    )
    parser.add_argument(
        "--layout", metavar="LAYOUT", help="how the file is laid out (otherwise found out)"
    )
    parser.add_argument(
        "--as", dest="name", metavar="NAME", help="name of the entry (otherwise that of the file)"
    )
    parser.add_argument("--test-on", metavar="BENCHMARK", help="what to measure the weights on")
    parser.add_argument(
        "--compare-with",
        metavar="SYSTEM",
        help="system of pipeline/literature/published.csv to be put beside them, such as DnCNN-S",
    )
    parser.add_argument(
        "--add", action="store_true", help="write the entries into params.yaml, not only here"
    )


def run(root: Path, options: argparse.Namespace) -> int:
    """Examine the file, print what it holds, and print or add the entries that measure it.

    Args:
        root: Folder of the project.
        options: What ``add_options`` asks for.

    Raises:
        CommandError: The file cannot be used, or an option names nothing that there is.
    """
    from pipeline.checking.params_text import add_entries

    params = read_params(root / "params.yaml")
    _check_names(params, options)
    found = _examine(root, params, options)
    print(_summary(options.file, found))
    for doubt in _without_counterpart(params, options):
        print(f"  note     {doubt}")
    entries = _entries(root, params, options, found)
    if not options.add:
        print("\nto have it measured, add to params.yaml (--add does it), then `dvc repro`:\n")
        print(add_entries("", entries), end="")
        return SUCCESS
    add_to_params(root / "params.yaml", entries)
    print(f"\nparams.yaml names it 'imported.{entries[-1].name}' now; `dvc repro` measures it")
    return SUCCESS


def _absolute(text: str) -> Path:
    return Path(text).resolve()


def _check_names(params: "Params", options: argparse.Namespace) -> None:
    from typing import get_args

    from pipeline.literature.published import systems
    from pipeline.section import NAME
    from pipeline.settings.params import Layout

    models = [f"{arch}.{name}" for arch, name in _models(params)]
    for option, given, known in (
        ("--model", options.model, models),
        ("--layout", options.layout, get_args(Layout)),
        ("--test-on", options.test_on, params.benchmarks),
        ("--compare-with", options.compare_with, systems()),
    ):
        if given is not None and given not in known:
            raise CommandError(
                f"{option} {given}: there is none; {nearest_known(given, known)}", USAGE
            )
    if options.add and options.test_on is None:
        raise CommandError(
            "--add needs --test-on, the benchmark to measure the weights on; expected one of: "
            f"{', '.join(sorted(params.benchmarks))}",
            USAGE,
        )
    if options.name is not None and not re.fullmatch(NAME, options.name):
        raise CommandError(f"--as {options.name}: expected letters, digits, _ and -", USAGE)


def _without_counterpart(params: "Params", options: argparse.Namespace) -> list[str]:
    """Say for which tests the system to compare with has no number."""
    from pipeline.literature.counterparts import without_counterpart
    from pipeline.literature.published import SHIPPED, joined, read_published
    from pipeline.measuring.protocols import places_of

    if options.compare_with is None or options.test_on is None:
        return []
    places = places_of(params.benchmarks[options.test_on])
    return without_counterpart(options.compare_with, places, joined(read_published(SHIPPED)))


def _models(params: "Params") -> list[tuple[str, str]]:
    return [
        (arch, name)
        for arch in type(params.models).model_fields
        for name in params.models.named(arch)
    ]


def _examine(root: Path, params: "Params", options: argparse.Namespace) -> dict[str, Any]:
    """Have the file examined by another process."""
    request = {
        "file": str(options.file),
        "layout": options.layout,
        "wanted": options.model,
        "entry": options.entry,
        "models": params.models.model_dump(),
    }
    answer: dict[str, Any] = ask(
        root,
        "pipeline.exchange.foreign_weights",
        request,
        f"{options.file}: reading it",
        ": is the file damaged?",
    )
    if "refused" in answer:
        raise CommandError(answer["refused"])
    return answer


def _summary(file: Path, found: dict[str, Any]) -> str:
    fits = f"models.{found['model']}" if found["model"] else "no entry of params.yaml yet"
    return "\n".join(
        [
            str(file),
            f"  sha256   {found['sha256']}",
            *(f"  {heading:<8} {words}" for heading, words in found["notes"]),
            f"  layout   {found['layout']}",
            f"  holds    {found['network']}",
            f"  fits     {fits}: {found['parameters']:,} parameters in {found['layers']} layers",
            "  runs     yes: a random image comes out finite",
        ]
    )


# ------------------------------------------------------------------- entries of params.yaml


def _entries(
    root: Path, params: "Params", options: argparse.Namespace, found: dict[str, Any]
) -> "list[NewEntry]":
    """Return the entries to add, that of ``imported`` last."""
    from pipeline.checking.params_text import NewEntry

    entries: list[NewEntry] = []
    arch = found["arch"]
    if found["model"]:
        model = found["model"].partition(".")[2]
    else:
        colour = "gray" if found["settings"]["channels"] == 1 else "colour"
        wanted = f"{colour}_{found['layers']}_{found['settings']['width']}"
        model = _free(wanted, params.models.named(arch))
        entries.append(NewEntry(section=("models", arch), name=model, value=found["settings"]))
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", options.file.stem).strip("_-") or "weights"
    name = options.name or _free(stem, params.imported)
    if name in params.imported and options.add:
        raise CommandError(f"--as {name}: params.yaml has an imported.{name} already", USAGE)
    source, home = options.file, root.resolve()
    if source.is_relative_to(home):
        source = source.relative_to(home)
    settings = {
        "arch": arch,
        "model": model,
        "source": str(source),
        "layout": found["layout"],
        **({"entry": found["entry"]} if found["entry"] else {}),
        "test_on": options.test_on or "BENCHMARK",
    }
    if options.compare_with:
        settings["compare_with"] = options.compare_with
    return [*entries, NewEntry(section=("imported",), name=name, value=settings)]


def _free(name: str, taken: object) -> str:
    free, number = name, 1
    while free in taken:  # type: ignore[operator]
        number += 1
        free = f"{name}_{number}"
    return free
