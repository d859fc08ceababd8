"""Where the networks are that come with the project. Loads without torch."""

from pathlib import Path

SHIPPED = Path(__file__).parents[1] / "exchange" / "weights"
"""Folders of weights with their card, one a network."""
