"""The work pools of Prefect that ``prefect.yaml`` names."""

POOLS = {
    "restore-pool": "process",
    "restore-workers": "process",
    "restore-docker": "docker",
    "restore-kubernetes": "kubernetes",
}
"""Type of each pool, as the documentation has it made."""
