"""Settings of recognition tasks: labelled data, and which of them train, choose and test."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, model_validator

from pipeline.section import Section, Source

Kind = Literal["images", "cube", "features"]
"""What is recognised: small images; pixels of a hyperspectral cube by the window around them; or
pairs of image features and text features, each searched for by the other."""

_Part = Annotated[float, Field(ge=0, lt=1)]


class PublishedSplit(Section):
    """The test samples that the publisher of the data names."""

    kind: Literal["published"]
    validation: _Part
    """Share of the training samples, of each class, that choose instead of training."""


class RandomSplit(Section):
    """Samples drawn at random, class by class; what is in no other part is tested on."""

    kind: Literal["random"]
    train: Annotated[float, Field(gt=0, lt=1)]
    validation: _Part

    @model_validator(mode="after")
    def _leave_some(self) -> Self:
        if self.train + self.validation >= 1:
            raise ValueError(
                f"expected train + validation below 1, so that some are left to test on; came "
                f"{self.train} + {self.validation}"
            )
        return self


class DisjointSplit(Section):
    """Parts of a scene that lie side by side, so that no window of one reaches into another."""

    kind: Literal["disjoint"]
    train: Annotated[float, Field(gt=0, lt=1)]
    """Share of the rows, or columns."""
    validation: _Part
    margin: NonNegativeInt
    """Rows, or columns, between two parts that belong to none: window - 1 or more."""


class FoldSplit(Section):
    """One of several equal folds, drawn class by class, to test on; the others train."""

    kind: Literal["folds"]
    folds: Annotated[int, Field(ge=2)]
    test: NonNegativeInt
    """Number of the fold that is tested on, from 0."""
    validation: NonNegativeInt | None
    """Number of the fold that chooses; none to train on all others."""

    @model_validator(mode="after")
    def _are_folds(self) -> Self:
        if not max(self.test, self.validation or 0) < self.folds or self.test == self.validation:
            raise ValueError(
                f"expected test and validation to be two of the folds 0 to {self.folds - 1}; came "
                f"{self.test} and {self.validation}"
            )
        return self


class ImageTask(Section):
    """Small images of one size, each of one class."""

    kind: Literal["images"]
    source: Source
    """Catalogue of a published set; or a folder of the user's own, with a folder a class."""
    split: Annotated[PublishedSplit | RandomSplit | FoldSplit, Field(discriminator="kind")]
    shift: NonNegativeInt
    """By how many pixels an image may be moved and stay what it is: trainings that augment do."""
    mirror: bool
    """Whether an image stays what it is in a mirror."""


class CubeTask(Section):
    """Pixels of one hyperspectral scene, some of them of a known class."""

    kind: Literal["cube"]
    source: Source
    """Catalogue of a published scene; or a folder of the user's own with ``cube.npy`` and
    ``labels.npy``."""
    split: Annotated[RandomSplit | DisjointSplit, Field(discriminator="kind")]
    ignore: list[str]
    """Classes that are left out: too small, or all in one part of the scene."""


class FeatureTask(Section):
    """Pairs of image features and text features, each of one class."""

    kind: Literal["features"]
    source: Source
    """Catalogue of published features; or a folder with ``image.npy``, ``text.npy`` and
    ``labels.npy``, of the user's own."""
    split: Annotated[PublishedSplit | RandomSplit | FoldSplit, Field(discriminator="kind")]


Task = Annotated[ImageTask | CubeTask | FeatureTask, Field(discriminator="kind")]


class DscmrLoss(Section):
    """The three losses of DSCMR, each with its weight; 0 leaves one out."""

    kind: Literal["dscmr"]
    label: Annotated[float, Field(ge=0)]
    """J1, distance of the predictions to the labels: 1 in the paper."""
    discrimination: Annotated[float, Field(ge=0)]
    """J2, that pairs of one class are alike and others are not: 0.001 in the paper."""
    invariance: Annotated[float, Field(ge=0)]
    """J3, distance of the image to the text of a pair: 0.1 in the paper."""
