"""Names of the perceptual measures."""

from typing import Literal

Perceptual = Literal["niqe"]
"""Measures of how natural an image looks, each lower for the better;
``pipeline/measuring/niqe.py`` says what the name means."""
