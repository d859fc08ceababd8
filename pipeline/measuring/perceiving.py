"""The perceptual measures of one image, as its trial asks for them."""

from collections.abc import Iterator

from pipeline.arrays.pixels import Array
from pipeline.images.benchmarks import BenchmarkImage
from pipeline.measuring.niqe import FeaturelessError, niqe
from pipeline.measuring.perceptual_measures import MEASURES
from pipeline.measuring.perceptual_table import CLEAN, Perceived
from pipeline.settings.perceptual import Perceptual


def perceive(image: BenchmarkImage, shown: Array, experiment: str) -> Iterator[Perceived]:
    """Measure one image by every perceptual measure that its trial asks for.

    Args:
        image: The test image.
        shown: Its clean, degraded or restored version, ``(H, W, C)`` in [0, 1] or a little outside.
        experiment: As ``Perceived`` says.

    Raises:
        ValueError: The image is too small, or a value is not a number; the message names it.
        WeightsFileError: The weights of a measure are not at hand.
    """
    for measure in image.trial.perceptual or ():
        if experiment == CLEAN and MEASURES[measure].network:
            continue  # a distance from itself
        try:
            value = _value(measure, image, shown)
        except FeaturelessError:  # what a network makes of an image may be flat
            value = None
        except ValueError as error:
            where = f"data set '{image.trial.dataset}', test image '{image.name}'"
            raise ValueError(f"{where}, {experiment}: {error}") from error
        yield Perceived(
            experiment=experiment,
            data_set=image.trial.dataset,
            image=image.name,
            degradation=image.level.label,
            measure=measure,
            value=value,
        )


def _value(measure: Perceptual, image: BenchmarkImage, shown: Array) -> float:
    if MEASURES[measure].network is None:
        return niqe(shown)
    # torch takes a second to import, which other measures do without.
    from pipeline.measuring.network_distance import network_distance

    return network_distance(measure, image.clean(), shown)
