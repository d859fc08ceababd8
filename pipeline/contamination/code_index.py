"""Keypoints of many images, found by codes that are almost the same."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.contamination.alignment import FEWEST_VOTES, Pairs
from pipeline.contamination.keypoints import TURNS, Codes, Floats, Keypoints

MOST_DIFFERENT_BITS = 8
"""Of 64. Codes drawn at random come that close once in three billion pairs."""

_PIECES = 4
"""Codes are compared in full when one of these pieces, 16 bits each, is the same."""
_AT_ONCE = 2048

# Both keypoints of a pair were turned into one position, so this turns the one like the other.
_BETWEEN = np.einsum("bji,ajk->abik", TURNS, TURNS)
_TURN_NUMBERS = np.argmax(np.all(_BETWEEN[:, :, None] == TURNS, axis=(3, 4)), axis=2)


class CodeIndex:
    """Keypoints of many images, found by their codes.

    Args:
        images: The keypoints of each.
    """

    def __init__(self, images: Sequence[Keypoints]) -> None:
        lengths = [len(keypoints) for keypoints in images]
        self._image = np.repeat(np.arange(len(images), dtype=np.int32), lengths)
        self._places: Floats = np.concatenate([keypoints.places for keypoints in images])
        self._sizes: Floats = np.concatenate([keypoints.sizes for keypoints in images])
        self._turns: NDArray[np.uint8] = np.concatenate([keypoints.turns for keypoints in images])
        self._codes: Codes = np.concatenate([keypoints.codes for keypoints in images])
        self._tables = [_table(piece) for piece in _pieces(self._codes)]

    def pairs(self, keypoints: Keypoints) -> Iterator[tuple[int, Pairs]]:
        """Yield, for each indexed image and turn with enough of them, the pairs of keypoints."""
        query, found = self._match(keypoints.codes)
        turn = _TURN_NUMBERS[keypoints.turns[query], self._turns[found]]
        group = self._image[found] * len(TURNS) + turn
        order = np.argsort(group, kind="stable")
        groups, starts, counts = np.unique(group[order], return_index=True, return_counts=True)
        for number, start, count in zip(groups, starts, counts, strict=True):
            if count >= FEWEST_VOTES:
                members = order[start : start + count]
                image, turn_number = divmod(int(number), len(TURNS))
                yield image, self._paired(keypoints, query[members], found[members], turn_number)

    def _paired(
        self, keypoints: Keypoints, query: NDArray[np.intp], found: NDArray[np.intp], turn: int
    ) -> Pairs:
        return Pairs(
            keypoints.places[query].astype(np.float64),
            self._places[found].astype(np.float64),
            (keypoints.sizes[query] / self._sizes[found]).astype(np.float64),
            TURNS[turn],
        )

    def _match(self, codes: Codes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the positions of codes that differ in few bits: given ones, indexed ones."""
        numbers = [
            self._near(codes[first : first + _AT_ONCE], first)
            for first in range(0, len(codes), _AT_ONCE)
        ]
        if not numbers:
            return np.empty(0, np.intp), np.empty(0, np.intp)
        return np.divmod(np.concatenate(numbers), len(self._codes))

    def _near(self, codes: Codes, first_query: int) -> NDArray[np.intp]:
        """Return query * length of the index + indexed position of each pair, sorted."""
        numbers = []
        for piece, (order, starts) in zip(_pieces(codes), self._tables, strict=True):
            begin = starts[piece]
            counts = starts[piece.astype(np.intp) + 1] - begin
            query = np.repeat(np.arange(len(codes)), counts)
            # Where the run of a query begins in the table, less where it begins in the result.
            found = order[
                np.arange(len(query)) + np.repeat(begin - np.cumsum(counts) + counts, counts)
            ]
            different = np.bitwise_count(codes[query] ^ self._codes[found])
            near = different <= MOST_DIFFERENT_BITS
            numbers.append((query[near] + first_query) * len(self._codes) + found[near])
        unique: NDArray[np.intp] = np.unique(np.concatenate(numbers))
        return unique


def _pieces(codes: Codes) -> list[NDArray[np.uint16]]:
    split = codes.view(np.uint16).reshape(-1, _PIECES)
    return [np.ascontiguousarray(split[:, piece]) for piece in range(_PIECES)]


def _table(piece: NDArray[np.uint16]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the positions in the order of their values, and where each value begins."""
    order = np.argsort(piece, kind="stable").astype(np.int32)
    starts = np.zeros(2**16 + 1, np.int64)
    np.cumsum(np.bincount(piece, minlength=2**16), out=starts[1:])
    return order, starts
