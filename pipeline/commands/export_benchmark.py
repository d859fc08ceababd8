"""``restore export-benchmark``: the test images of a benchmark, for another program to restore."""

import argparse
import json
from pathlib import Path

from pipeline.commands import SUCCESS, USAGE, CommandError
from pipeline.commands.elsewhere import ask
from pipeline.commands.reading_params import read_params

SUMMARY = "write the degraded images of a benchmark, for another program to restore"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what the command needs to know."""
    parser.add_argument("name", metavar="NAME", help="an entry of benchmarks")
    parser.add_argument(
        "--to",
        required=True,
        # Now: the command runs in the project's folder, wherever it was given.
        type=lambda text: Path(text).absolute(),
        metavar="FOLDER",
        help="folder to make, with a README.txt that says what to do with it",
    )


def run(root: Path, options: argparse.Namespace) -> int:
    """Write the images, and print how their restored versions are measured.

    Args:
        root: Folder of the project.
        options: What ``add_options`` asks for.

    Raises:
        CommandError: There is no such benchmark, its images are not there or not those that
            params.yaml asks for, or the folder cannot be written.
    """
    from pipeline.nearest import nearest_known

    name = options.name
    params = read_params(root / "params.yaml")
    if name not in params.benchmarks:
        hint = nearest_known(name, params.benchmarks)
        raise CommandError(f"{name}: params.yaml has no such benchmark; {hint}", USAGE)
    images = Path("data") / "benchmarks" / name
    trials = [trial.model_dump(mode="json") for trial in params.benchmarks[name]]
    if _trials_of(root / images) != trials:
        raise CommandError(
            f"{images}: its images are not there, or not those that params.yaml asks for; "
            f"`dvc repro degrade_test@{name}` makes them"
        )
    request = {"benchmark": str(images), "to": str(options.to)}
    answer = ask(root, "pipeline.exchange.outside", request, f"writing {name}")
    if "refused" in answer:
        raise CommandError(answer["refused"])
    floats = answer["floats"]
    print(
        f"{options.to}\n"
        f"  holds  {answer['images']} degraded images, {floats} of them as TIFF of floats, since 8 "
        "bits would not hold them; manifest.json and README.txt\n"
        "  next   restore them into another folder under the same names, and name it in "
        "params.yaml,\n         in place of `outside: {}`:\n\n"
        f"{answer['entry']}"
    )
    return SUCCESS


def _trials_of(images: Path) -> object:
    """Return what the benchmark was made from; None where it was not made."""
    try:
        return json.loads((images / "trials.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
