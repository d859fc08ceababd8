"""Names of the perceptual measures."""

from typing import Literal

Perceptual = Literal["niqe", "lpips-alex", "lpips-vgg", "dists"]
"""Measures of how an image looks, each lower for the better;
``pipeline/measuring/perceptual_measures.py`` says what the names mean."""
