"""How large a file of weights may be."""

LARGEST_FILE = 512 * 2**20
"""Bytes: a hundred times the largest network that can be imported."""

MOST_VALUES = 2**27
"""Numbers in all tensors together: a file may claim more than it holds."""
