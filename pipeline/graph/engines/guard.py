"""What keeps DVC from running the command of a stage where nobody shall compute.

A machine that only fetches results must not begin to compute them because one is missing, and a
worker that was asked for one stage must not make another one on the way.
"""

import os

from dvc.exceptions import DvcException
from dvc.stage import Stage, run

from pipeline.graph.engines import MAY_COMPUTE


class ComputingRefusedError(DvcException):  # type: ignore[misc]
    """DVC was about to compute a stage where that is not allowed."""


def heed_guard() -> None:
    """Have DVC in this process run only what ``MAY_COMPUTE`` allows."""
    compute = run.cmd_run

    def refuse_or_compute(stage: Stage, dry: bool = False, run_env: object = None) -> None:
        allowed = os.environ.get(MAY_COMPUTE)
        if allowed is not None and stage.addressing != allowed and not dry:
            raise ComputingRefusedError(
                f"stage {stage.addressing} would have to be computed here, and this process may "
                f"compute {allowed or 'none'} ({MAY_COMPUTE}): its result is neither in the cache "
                "nor in the remote, or what it reads differs here"
            )
        compute(stage, dry=dry, run_env=run_env)

    run.cmd_run = refuse_or_compute
