"""Stage ``describe_input``: take features from degraded or restored images, for retrieval."""

from pipeline.stage_runner import prepare_to_compute, run_stage

if __name__ == "__main__":
    prepare_to_compute()

from pathlib import Path

import numpy as np

from pipeline.machine.devices import pick_device
from pipeline.outputs import new_folder
from pipeline.recogniser_settings import Recogniser
from pipeline.recognition.labelled import read_card, read_labelled, write_labelled
from pipeline.recognition.networks import facts_of, load_recogniser
from pipeline.recognition.recognising import describe_images


def describe_input(
    *, model: Recogniser, weights: Path, labelled: Path, clean: Path, out: Path, threads: int
) -> None:
    """Write the pairs of a task with the features of its images, degraded or restored.

    Args:
        model: Architecture and size of the network.
        weights: Folder with ``weights.safetensors``, from stage ``learn``.
        labelled: Folder of the degraded or restored images.
        clean: Folder of the task's pairs, made of the same images by stage ``describe``; the
            texts stay theirs.
        out: Folder to make, as ``pipeline/recognition/labelled.py`` describes it.
        threads: CPU threads to compute with.

    Raises:
        ValueError: The pairs were not made of these images by this network.
    """
    device = pick_device(threads)
    images, pairs = read_labelled(labelled), read_labelled(clean)
    network = load_recogniser(model, facts_of(images), weights).to(device)
    features = describe_images(network, images, device)
    if features.shape[1] != pairs.image_features or not np.array_equal(images.labels, pairs.labels):
        raise ValueError(
            f"{clean}: expected pairs of the images of {labelled} with {features.shape[1]} "
            f"features of each, came {len(pairs.labels)} pairs with {pairs.image_features} for "
            f"{len(images.labels)} images; its source is to be described by {weights.name}, too"
        )
    values = np.concatenate([features, pairs.values[:, pairs.image_features :]], axis=1)
    card = read_card(labelled) | {"task": clean.name, "from": labelled.name}
    with new_folder(out) as folder:
        write_labelled(folder, pairs.with_values(values), card)


if __name__ == "__main__":
    run_stage(describe_input)
