"""Wavelet network with channel attention."""
