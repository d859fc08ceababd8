"""``restore photo``: photographs in, restored ones out, with nothing to prepare."""

import argparse
import os
import sys
from pathlib import Path

from pipeline.commands import FAILURE, SUCCESS, USAGE, CommandError
from pipeline.commands.elsewhere import hand_over

SUMMARY = "restore photographs: noise, JPEG artefacts, low resolution"

_PAGE = "before-after.html"

_REGISTERED = "models:/"
"""How addresses of models in MLflow's registry begin."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "inputs",
        nargs="+",
        # Now: the command runs in the project's folder, wherever it was given.
        type=_absolute,
        metavar="IN",
        help="photographs, folders of them (with all folders inside), or patterns",
    )
    parser.add_argument(
        "--out",
        type=_absolute,
        metavar="FOLDER",
        help="where the results go (otherwise FOLDER-restored, beside the folder of the input)",
    )
    parser.add_argument(
        "--task",
        choices=["auto", "denoise", "deblock", "upscale"],
        default="auto",
        help="what is wrong with them; auto (as without) looks at each for noise and JPEG blocks, "
        "and leaves alone what is well",
    )
    parser.add_argument(
        "--scale", type=int, default=2, choices=[2, 3, 4], help="with upscale: how much larger"
    )
    parser.add_argument(
        "--strength",
        type=_share,
        default=1.0,
        metavar="0..1",
        help="how much of the correction is applied (1 as without; less keeps more grain)",
    )
    parser.add_argument(
        "--sigma",
        type=_level,
        metavar="0..255",
        help="level of the noise, for a --model with a noise map (otherwise it is estimated)",
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="a network that ships, an experiment of this project, a model of MLflow's registry "
        f"({_REGISTERED}NAME@ALIAS), or a folder of weights with their card (otherwise as the task "
        "needs)",
    )
    parser.add_argument("--again", action="store_true", help="also what has a result already")
    parser.add_argument(
        "--page",
        action="store_true",
        help=f"also write {_PAGE} with a slider between each photograph before and after",
    )
    parser.add_argument(
        "--preview", action="store_true", help="only that page, of the middle of each photograph"
    )


def run(root: Path, options: argparse.Namespace) -> int:
    """Restore photographs, and say of each what was found and done.

    Args:
        root: Folder of the project, or any other.
        options: What ``add_options`` asks for.

    Raises:
        CommandError: Nothing was found to restore, or the weights cannot be used.
    """
    from pipeline.photographs.finding import NothingFoundError, find_photographs

    registered = (options.model or "").startswith(_REGISTERED)
    model = None if options.model is None or registered else _weights(root, options.model)
    try:
        again = options.again or options.preview
        found = find_photographs(options.inputs, options.out, again=again)
    except NothingFoundError as error:
        raise CommandError(str(error), USAGE) from error
    code = SUCCESS
    if found.jobs:
        page = found.results / _PAGE
        wish = {
            "task": options.task,
            "model": None if model is None else str(model),
            "colour": None if model is None else _colour(root, model),
            "scale": options.scale,
            "strength": options.strength,
            "sigma_8bit": options.sigma,
            "preview": options.preview,
            "shown": options.page or options.preview,
        }
        request = {
            "registered": options.model if registered else None,
            "jobs": [(str(job.source), str(job.target)) for job in found.jobs],
            "wish": wish,
            "page": str(page) if options.page or options.preview else None,
        }
        code = hand_over("pipeline.photographs", request)
        if code in (SUCCESS, FAILURE) and not options.preview:
            print(f"results: {found.results}")
    if found.done:
        print(f"{found.done} had a result already; --again restores them once more")
    if found.others:
        print(f"{found.others} other files in the folders are no photographs")
    for source, why in found.refused:
        print(f"restore: {source}: {why}", file=sys.stderr)
    return FAILURE if found.refused and code == SUCCESS else code


def _weights(root: Path, name: str) -> Path:
    """Return the folder of weights that a name means."""
    from pipeline.nearest import nearest_known
    from pipeline.photographs.weights_by_name import has_weights, known_weights

    known = known_weights(root)
    given = _absolute(name)
    for folder in (known.get(name, given), given, given.parent):
        if has_weights(folder):
            return folder
    raise CommandError(
        f"--model {name}: expected weights that ship, an experiment that was trained here, a "
        f"model of MLflow's registry ({_REGISTERED}NAME@ALIAS), or a folder with "
        f"weights.safetensors and card.json; {nearest_known(name, list(known))}",
        USAGE,
    )


def _colour(root: Path, weights: Path) -> str | None:
    """Return what an experiment of this project learnt from, which the card of it does not say."""
    from pipeline.checking.params_file import ParamsError
    from pipeline.photographs.weights_by_name import colours_learnt, trained_in

    if weights.parent != trained_in(root):
        return None
    try:
        return colours_learnt(root).get(weights.name)
    except ParamsError as error:
        raise CommandError(str(error)) from error


def _absolute(text: str) -> Path:
    # Without "..", or else the results would go beside that.
    return Path(os.path.normpath(Path(text).expanduser().absolute()))


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:  # nor not a number
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, came {text}")
    return value


def _level(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 255:  # nor not a number
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 255, came {text}")
    return value
