"""Inverted residuals."""
