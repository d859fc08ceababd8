"""Stage ``describe``: take features from images with captions, for retrieval to learn from."""

from pipeline.stage_runner import prepare_to_compute, run_stage

if __name__ == "__main__":
    prepare_to_compute()

from pathlib import Path

from pipeline.machine.devices import pick_device
from pipeline.outputs import new_folder
from pipeline.params import Described
from pipeline.recogniser_settings import Recogniser
from pipeline.recognition import describing
from pipeline.recognition.captions import read_captions
from pipeline.recognition.labelled import read_labelled
from pipeline.recognition.networks import facts_of, load_recogniser
from pipeline.recognition.reading import feature_folder


def describe(
    *,
    description: Described,
    model: Recogniser,
    weights: Path,
    labelled: Path,
    out: Path,
    threads: int,
) -> None:
    """Write pairs of what a trained network takes from an image and of the words of its caption.

    Args:
        description: Says how long the features of a text are.
        model: Architecture and size of the network.
        weights: Folder with ``weights.safetensors``, from stage ``learn``.
        labelled: Folder of the images, which has their captions.
        out: Folder to make, a source of tasks of kind ``features``.
        threads: CPU threads to compute with.

    Raises:
        DatasetError: The images have no captions.
    """
    device = pick_device(threads)
    images = read_labelled(labelled)
    network = load_recogniser(model, facts_of(images), weights).to(device)
    pairs = describing.describe(
        network, images, read_captions(labelled), description.text_features, device
    )
    with new_folder(out) as folder:
        feature_folder.write(folder, pairs)


if __name__ == "__main__":
    run_stage(describe)
