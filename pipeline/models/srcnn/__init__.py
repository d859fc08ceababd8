"""Three-layer super-resolution network."""
