"""The graph as the commands need it: read, narrowed to what was asked for, errors explained."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import USAGE, CommandError

if TYPE_CHECKING:
    from pipeline.graph.dag import Stage


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say which stages are meant."""
    parser.add_argument(
        "--experiments",
        nargs="+",
        metavar="NAME",
        help="only these experiments or stages, and what they need",
    )
    parser.add_argument("--force", action="store_true", help="also what is up to date")


def read_graph(root: Path, experiments: Sequence[str] | None) -> "dict[str, Stage]":
    """Return the stages of the project, or those that some experiments need.

    Raises:
        CommandError: ``params.yaml`` or ``dvc.yaml`` is wrong, or a name is not known.
    """
    from pipeline.checking.params_file import ParamsError, load_params
    from pipeline.graph import dag

    try:
        if (root / "params.yaml").is_file():
            load_params(root / "params.yaml")
        graph = dag.read_graph(root)
        return graph if experiments is None else dag.select(graph, experiments)
    except dag.UnknownStageError as error:
        raise CommandError(str(error), USAGE) from error
    except (ParamsError, dag.GraphError) as error:
        raise CommandError(str(error)) from error


def nothing_to_do(stages: int) -> str:
    """Say that all stages are up to date."""
    return f"nothing to do: all {stages} stages are up to date"
