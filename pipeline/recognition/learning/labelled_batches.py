"""Batches of labelled samples by step number, for the training loop."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.arrays.randomness import generator
from pipeline.machine.transfer import upload
from pipeline.recognition.labelled.samples import Labelled, Part
from pipeline.recognition.learning.gathering import Samples
from pipeline.training.draws import Draws


class LabelledBatches:
    """Training batches of a recognition task.

    Args:
        samples: All of them, on the device.
        labelled: Knows which of them train, and their labels.
        key: (seed, name of the experiment): what is drawn depends on it, beside the step.
        batch: Samples a step.
        augment: Whether each is shown in one of its ways, drawn at random.
        device: Where the samples are.

    Raises:
        ValueError: Fewer samples train than one batch has.
    """

    def __init__(
        self,
        samples: Samples,
        labelled: Labelled,
        key: tuple[int, str],
        batch: int,
        augment: bool,
        device: torch.device,
    ) -> None:
        self._positions = labelled.positions(Part.TRAIN)
        if len(self._positions) < batch:
            raise ValueError(
                f"expected at least one batch of {batch} training samples, came "
                f"{len(self._positions)}: choose a smaller batch, or train on a larger part"
            )
        self.device = device
        self.shape = (batch, *samples.shape)
        self._samples = samples
        labels = labelled.labels.ravel()[self._positions].astype(np.int64)
        self._labels = upload(labels, device)
        self._key = key
        self._augment = augment and samples.ways > 1
        self._draws = Draws(key, len(self._positions), batch)

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the samples of a step as the network takes them, and their labels ``(N,)``."""
        chosen = self._draws.chosen(step)
        samples = self._samples.at(self._positions[chosen], self._ways(step))
        return samples, self._labels.index_select(0, upload(chosen, self.device))

    def release(self) -> bool:
        """Tell that samples to recognise stay where they are: they are few."""
        return False

    def _ways(self, step: int) -> NDArray[np.int64] | None:
        if not self._augment:
            return None
        rng = generator(*self._key, "way", step)
        return rng.integers(self._samples.ways, size=self.shape[0])
