"""Library and orchestration of restoration experiments; start reading at ``pipeline/params.py``."""
