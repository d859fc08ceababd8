"""Measuring restored images: protocols, scores, classical methods, statistics."""
