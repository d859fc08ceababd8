"""The graph as the commands need it: read, narrowed to what was asked for, errors explained."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import USAGE, CommandError
from pipeline.graph.engines import ENGINES

if TYPE_CHECKING:
    from pipeline.graph.dag import Stage


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say which stages are meant."""
    parser.add_argument(
        "--experiments",
        nargs="+",
        metavar="NAME",
        help="only these experiments or stages, what they need, and the report of them",
    )
    parser.add_argument("--force", action="store_true", help="also what is up to date")


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say where the stages run."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="local",
        help="where the stages run: on this machine, on a Ray cluster, as jobs of Slurm "
        "(docs/clusters.md), or on workers far away (docs/remote-workers.md)",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="the head of the Ray cluster (otherwise that of the cluster that this machine is in)",
    )
    parser.add_argument(
        "--engine-options",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="what the engine is to know, such as partition=gpu time=120 for Slurm",
    )


def read_engine(options: argparse.Namespace) -> tuple[str, dict[str, str]]:
    """Return which engine is asked for, and with which options.

    Raises:
        CommandError: An option is no pair.
    """
    pairs: dict[str, str] = {}
    for given in options.engine_options:
        key, equals, value = given.partition("=")
        if not (key and equals):
            raise CommandError(f"--engine-options: expected KEY=VALUE, came '{given}'", USAGE)
        pairs[key] = value
    if options.address is not None:
        pairs["address"] = options.address
    return options.engine, pairs


@dataclass(frozen=True)
class Selection:
    """The stages of the project, and which are asked for."""

    whole: "dict[str, Stage]"
    chosen: "dict[str, Stage]"

    @property
    def left_stale(self) -> str:
        """Say what is not asked for and out of date; empty if nothing is."""
        from pipeline.graph.left_stale import describe_left_stale

        return describe_left_stale(self.whole, self.chosen)

    @property
    def nothing_to_do(self) -> str:
        """Say that all that is asked for is up to date, and what else is not."""
        lines = [f"nothing to do: all {len(self.chosen)} stages are up to date", self.left_stale]
        return "\n".join(filter(None, lines))


def read_graph(root: Path, experiments: Sequence[str] | None) -> Selection:
    """Return the stages of the project, and those that some experiments mean.

    Raises:
        CommandError: ``params.yaml`` or ``dvc.yaml`` is wrong, or a name is not known.
    """
    from pipeline.checking.params_file import ParamsError
    from pipeline.graph import dag

    try:
        graph = dag.read_mended_graph(root, lambda said: print(said, file=sys.stderr))
        return Selection(graph, graph if experiments is None else dag.select(graph, experiments))
    except dag.UnknownStageError as error:
        raise CommandError(str(error), USAGE) from error
    except (ParamsError, dag.GraphError) as error:
        raise CommandError(str(error)) from error
