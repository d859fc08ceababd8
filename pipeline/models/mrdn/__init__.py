"""Multi-scale residual dense network."""
