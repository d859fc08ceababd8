"""Degrading images, and saying what was drawn."""
