"""Depthwise separable convolutions."""
