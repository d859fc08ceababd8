"""Labelled samples: their file, how near they are to clean ones, restoring them."""
