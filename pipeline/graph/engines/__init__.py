"""Where the command of a stage runs: here, on a Ray cluster, as jobs of Slurm, on workers far away.

The order of the stages, and what is out of date, are no engine's business.
"""

ENGINES = ("local", "ray", "slurm", "workers")
"""Their names, as people give them."""

MAY_COMPUTE = "RESTORE_MAY_COMPUTE"
"""Variable that names the one stage that DVC may compute; empty: none; not set: every stage."""

LOST_REMOTE = "LostRemote"
"""Name of the state of a stage whose worker could not use the DVC remote."""

OUT_OF_TIME = "TimedOut"
"""Name of the state of a stage that took too long, as Prefect calls it for its own limits."""
