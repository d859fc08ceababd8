"""What the machine offers to compute on: its device, formats, memory, and what pays on it."""
