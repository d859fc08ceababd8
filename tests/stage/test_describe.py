"""From images with captions, through a network that recognises them, to a task of retrieval."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from pipeline.params import Described
from pipeline.raw_images import DatasetError
from pipeline.recogniser_settings import MobileNetV1
from pipeline.recognition.labelled import Part, read_labelled
from pipeline.recognition.networks import TaskFacts, build_recogniser
from pipeline.task_settings import FeatureTask, FoldSplit, ImageTask, PublishedSplit
from stages.collect import collect
from stages.describe import describe

MODEL = MobileNetV1(
    width=0.25,
    resolution=1.0,
    stem_stride=1,
    blocks=[(32, 2)],
    separable=True,
    squeeze=0,
)
TEXT_FEATURES = 32
WORDS = {"dog": "a dog with a {} coat", "ship": "a {} ship at sea"}


def write_captioned(folder: Path, captioned: bool = True) -> Path:
    """Write ten images a class, each with a caption that says its class and its colour."""
    rng = np.random.default_rng(0)
    for kind, words in WORDS.items():
        (folder / kind).mkdir(parents=True)
        for number in range(10):
            colour = ("red", "blue")[number % 2]
            picture = rng.integers(0, 80, (12, 12, 3), dtype=np.uint8)
            picture[..., 0 if colour == "red" else 2] += 150
            Image.fromarray(picture).save(folder / kind / f"{number}.png")
            if captioned:
                (folder / kind / f"{number}.txt").write_text(words.format(colour))
    return folder


def collected(folder: Path, task: ImageTask | FeatureTask, name: str) -> Path:
    out = folder / "inputs" / name
    collect(
        task=task,
        name=name,
        source=Path(task.source),
        checked=folder / "params.txt",
        downloads=folder / "downloads",
        out=out,
        seed=0,
    )
    return out


def images(source: Path) -> ImageTask:
    split = FoldSplit(kind="folds", folds=5, test=0, validation=None)
    return ImageTask(kind="images", source=str(source), split=split, shift=0, mirror=True)


def described(folder: Path, captioned: Path) -> Path:
    weights, out = folder / "models" / "recogniser", folder / "described" / "animals"
    weights.mkdir(parents=True)
    network = build_recogniser(MODEL, TaskFacts(2, 3), seed=1)
    save_file(network.state_dict(), weights / "weights.safetensors")
    describe(
        description=Described(
            task="animals",
            input="animals",
            arch="mobilenet_v1",
            model="tiny",
            weights="recogniser",
            text_features=TEXT_FEATURES,
        ),
        model=MODEL,
        weights=weights,
        captioned=captioned,
        labelled=captioned,
        out=out,
        threads=1,
    )
    return out


def test_described_images_are_a_source_of_pairs_with_the_same_test_part(tmp_path: Path) -> None:
    clean = collected(tmp_path, images(write_captioned(tmp_path / "mine")), "animals")
    source = described(tmp_path, clean)
    split = PublishedSplit(kind="published", validation=0.0)

    task = FeatureTask(kind="features", source=str(source), split=split)
    pairs = read_labelled(collected(tmp_path, task, "pairs"))

    before = read_labelled(clean)
    assert pairs.classes == before.classes
    assert pairs.values.shape == (20, pairs.image_features + TEXT_FEATURES)
    np.testing.assert_array_equal(pairs.labels, before.labels)
    np.testing.assert_array_equal(pairs.parts == Part.TEST, before.parts == Part.TEST)
    # Captions that say the same have the same words.
    texts = pairs.values[:, pairs.image_features :]
    np.testing.assert_array_equal(texts[0], texts[2])
    assert np.abs(texts[0] - texts[1]).max() > 0


def test_images_without_captions_are_not_described(tmp_path: Path) -> None:
    source = write_captioned(tmp_path / "mine", captioned=False)
    clean = collected(tmp_path, images(source), "animals")

    with pytest.raises(DatasetError, match="caption"):
        described(tmp_path, clean)
