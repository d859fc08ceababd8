"""Degrading images, and the cards that say what was drawn."""
