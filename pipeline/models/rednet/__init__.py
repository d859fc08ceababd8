"""Residual encoder-decoder network."""
