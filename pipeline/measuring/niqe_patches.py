"""The patches that NIQE looks at. Nothing here imports NumPy: the plan of a run asks too."""

NIQE_PATCH = 96
"""Side of a patch, in pixels."""


def niqe_patches(height: int, width: int) -> tuple[int, int]:
    """Return how many patches lie side by side in an image, along its height and its width.

    Args:
        height: Of the image, in pixels.
        width: Likewise.

    Raises:
        ValueError: They are fewer than two, which have no covariance.
    """
    rows, columns = height // NIQE_PATCH, width // NIQE_PATCH
    if rows * columns < 2:
        raise ValueError(
            f"niqe compares patches of {NIQE_PATCH}x{NIQE_PATCH} pixels, at least two of them: "
            f"expected {NIQE_PATCH}x{2 * NIQE_PATCH} pixels or more, came {height}x{width}; leave "
            "the image out, or take niqe out of the trial's perceptual measures"
        )
    return rows, columns
