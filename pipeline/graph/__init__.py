"""Bringing the graph up to date: DVC's stages, and Prefect's flow that runs them side by side.

No stage depends on this room.
"""
