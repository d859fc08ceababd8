"""Photographs restored in a browser, on this machine alone: ``restore app``."""
