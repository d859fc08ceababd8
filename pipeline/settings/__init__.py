"""The schema of ``params.yaml``: declarations alone.

DVC tracks the values, so that no stage depends on this room: what follows from a value lies
where a stage depends on it.
"""
