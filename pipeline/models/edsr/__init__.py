"""Residual super-resolution network."""
