"""3-D, then 2-D convolutions on windows."""
