"""Published numbers, the conditions of their papers, and where both come from."""
