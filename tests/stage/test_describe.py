"""From images with captions, through a network that recognises them, to a task of retrieval."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from pipeline.images import from_8bit
from pipeline.params import Described
from pipeline.raw_images import DatasetError
from pipeline.recogniser_settings import MobileNetV1
from pipeline.recognition.labelled import Labelled, Part, read_card, read_labelled
from pipeline.recognition.networks import TaskFacts, build_recogniser
from pipeline.task_settings import FeatureTask, FoldSplit, ImageTask, PublishedSplit
from stages.collect import collect
from stages.degrade_input import degrade_input
from stages.describe import describe
from stages.describe_input import describe_input
from tests.stage.graph_data import NOISE

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


def trained(weights: Path, width: int = 32) -> Path:
    """Write the weights of a network."""
    weights.mkdir(parents=True)
    model = MODEL.model_copy(update={"blocks": [(width, 2)]})
    network = build_recogniser(model, TaskFacts(2, 3), seed=1)
    save_file(network.state_dict(), weights / "weights.safetensors")
    return weights


def described(folder: Path, captioned: Path) -> Path:
    out = folder / "described" / "animals"
    describe(
        description=Described(
            task="animals",
            arch="mobilenet_v1",
            model="tiny",
            weights="recogniser",
            text_features=TEXT_FEATURES,
        ),
        model=MODEL,
        weights=trained(folder / "models" / "recogniser"),
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


# ------------------------------------------- features of degraded and of restored images


def paired(folder: Path) -> tuple[Path, Path, Path]:
    """Return the folders of degraded images, of the pairs of clean ones, and of the weights."""
    clean = collected(folder, images(write_captioned(folder / "mine")), "animals")
    source = described(folder, clean)
    split = PublishedSplit(kind="published", validation=0.2)
    pairs = collected(
        folder, FeatureTask(kind="features", source=str(source), split=split), "pairs"
    )
    noisy = folder / "inputs" / "animals_noisy"
    degrade_input(degradation=NOISE, clean=clean, out=noisy, seed=0)
    return noisy, pairs, folder / "models" / "recogniser"


def run(folder: Path, labelled: Path, pairs: Path, weights: Path) -> Path:
    out = folder / "inputs" / "pairs_noisy"
    describe_input(model=MODEL, weights=weights, labelled=labelled, clean=pairs, out=out, threads=1)
    return out


def test_pairs_of_degraded_images_have_their_features_and_the_same_texts(tmp_path: Path) -> None:
    noisy, pairs, weights = paired(tmp_path)

    found = read_labelled(run(tmp_path, noisy, pairs, weights))

    clean = read_labelled(pairs)
    network = build_recogniser(MODEL, TaskFacts(2, 3), seed=0).eval()
    network.load_state_dict(load_file(weights / "weights.safetensors"))
    values = torch.from_numpy(np.array(read_labelled(noisy).values)).movedim(-1, 1)
    with torch.inference_mode():
        expected = network.features(values).numpy()  # type: ignore[operator]
    np.testing.assert_allclose(found.values[:, : found.image_features], expected, atol=1e-6)
    same(found, clean)
    assert np.abs(found.values - clean.values).max() > 0.01


def same(one: Labelled, other: Labelled) -> None:
    """Hold what no degradation changes against that of other pairs."""
    assert (one.kind, one.classes, one.image_features) == ("features", ("dog", "ship"), 8)
    np.testing.assert_array_equal(one.values[:, 8:], other.values[:, 8:])
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.parts, other.parts)


def test_pairs_of_clean_images_come_out_as_they_are(tmp_path: Path) -> None:
    noisy, pairs, weights = paired(tmp_path)
    clean = read_labelled(tmp_path / "inputs" / "animals")
    np.save(noisy / "values.npy", np.stack([from_8bit(image) for image in clean.values]))

    found = read_labelled(run(tmp_path, noisy, pairs, weights))

    np.testing.assert_allclose(found.values, read_labelled(pairs).values, atol=1e-6)


def test_the_card_says_what_was_done_to_the_images(tmp_path: Path) -> None:
    noisy, pairs, weights = paired(tmp_path)

    card = read_card(run(tmp_path, noisy, pairs, weights))

    images_card = read_card(noisy)
    assert card == {**images_card, "task": "pairs", "from": "animals_noisy"}
    assert card["degradation"].startswith("gaussian")
    assert 10 < card["psnr"] < 40


def test_pairs_of_another_network_are_refused(tmp_path: Path) -> None:
    noisy, pairs, _ = paired(tmp_path)
    weights = trained(tmp_path / "models" / "other", width=64)
    model = MODEL.model_copy(update={"blocks": [(64, 2)]})

    with pytest.raises(ValueError, match="to be described by other, too"):
        describe_input(
            model=model,
            weights=weights,
            labelled=noisy,
            clean=pairs,
            out=tmp_path / "out",
            threads=1,
        )

    assert not (tmp_path / "out").exists()


def test_pairs_of_other_images_are_refused(tmp_path: Path) -> None:
    noisy, pairs, weights = paired(tmp_path)
    np.save(noisy / "labels.npy", np.load(noisy / "labels.npy")[::-1])

    with pytest.raises(ValueError, match=r"expected pairs of the images of .*animals_noisy"):
        run(tmp_path, noisy, pairs, weights)
