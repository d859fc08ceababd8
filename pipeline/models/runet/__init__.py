"""Residual U-Net, the house network."""
