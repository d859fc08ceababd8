"""Residual network with squeeze-and-excitation."""
