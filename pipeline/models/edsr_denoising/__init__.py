"""Residual blocks for denoising."""
