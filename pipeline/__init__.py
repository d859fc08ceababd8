"""Library and orchestration of experiments; start with ``pipeline/settings/params.py``."""
