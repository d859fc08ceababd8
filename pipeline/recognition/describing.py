"""Pairs for retrieval, of images with captions: what a trained network takes from an image.

The network has learnt to recognise the same images, and its features are what its classifier
takes; those of the texts are their words (``pipeline/recognition/captions.py``).
"""

from collections.abc import Sequence

import torch
from torch import nn

from pipeline.raw_images import DatasetError
from pipeline.recognition.captions import caption_features
from pipeline.recognition.labelled import Labelled, Part
from pipeline.recognition.reading.unsplit_samples import UnsplitSamples, pairs_of
from pipeline.recognition.recognising import describe_images


def describe(
    network: nn.Module,
    images: Labelled,
    captions: Sequence[str],
    text_features: int,
    device: torch.device,
) -> UnsplitSamples:
    """Return the pairs of images and captions, with what tests as their publisher's choice.

    What the network was not shown in training tests here as well: a split of the pairs' own would
    let the network recognise what it knows by heart.

    Args:
        network: A recogniser of images on ``device``, with a method ``features``; it is put into
            evaluation mode.
        images: The clean ones of a task.
        captions: One an image, in the same order.
        text_features: Length of a text's features.
        device: Where the network is.

    Raises:
        DatasetError: There are not as many captions as images, or what is given are no images.
    """
    if images.kind != "images" or len(captions) != len(images.values):
        raise DatasetError(
            f"expected a caption for each of {len(images.values)} images, came {len(captions)} "
            f"for {images.kind}"
        )
    test = images.parts == Part.TEST
    texts = caption_features(captions, ~test, text_features)
    features = describe_images(network, images, device)
    return UnsplitSamples(
        classes=images.classes,
        values=pairs_of(features, texts, "described images"),
        labels=images.labels,
        test=test,
        image_features=features.shape[1],
    )
