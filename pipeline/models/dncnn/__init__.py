"""Residual CNN denoiser."""
