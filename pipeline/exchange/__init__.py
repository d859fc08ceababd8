"""Weights from elsewhere, and networks for elsewhere."""
