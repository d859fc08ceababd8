"""Very deep super-resolution network."""
