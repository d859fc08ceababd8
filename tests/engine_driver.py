"""Run stages of a toy on an engine, side by side, without Prefect and DVC.

``python -m tests.engine_driver ENGINE [KEY=VALUE ...] -- NAME ...`` in the toy's folder prints the
lines of the stages and how each ended.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from pipeline.graph.dag import Stage
from pipeline.graph.engines.choosing import open_engine
from pipeline.graph.engines.engine import EngineError


def main(arguments: list[str]) -> None:
    """Run what the arguments say."""
    split = arguments.index("--")
    name, *pairs = arguments[:split]
    options = dict(pair.split("=", 1) for pair in pairs)
    began = time.perf_counter()
    with closing(open_engine(name, options, root=Path.cwd(), warn=say)) as engine:
        opened = time.perf_counter()

        def run(stage: str) -> None:
            try:
                code = engine.run(
                    Stage(name=stage, needs=(), cpus=1, gpus=0, follows=(), stale=()),
                    [sys.executable, "work.py", stage],
                    cwd=Path.cwd(),
                    environment={},
                    say=say,
                )
                say(f"{stage} ended with {code}")
            except EngineError as error:
                say(f"{stage} did not run: {error}")

        pool = ThreadPoolExecutor(32)
        try:
            list(pool.map(run, arguments[split + 1 :]))
        finally:
            engine.close()
            pool.shutdown()
        ended = time.perf_counter()
    say(f"opened in {opened - began:.2f} s, ran {ended - opened:.2f} s")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
