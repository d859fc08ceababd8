"""Deep supervised cross-modal retrieval."""
