"""Stage ``recognise``: test one recognition experiment on every input of its task."""

from pipeline.running.stage_runner import prepare_to_compute, run_stage

if __name__ == "__main__":
    prepare_to_compute()

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from torch import nn

from pipeline.arrays.stage_outputs import read_json
from pipeline.images.files import write_png
from pipeline.machine.devices import pick_device
from pipeline.models.recogniser_parts.settings import Recogniser
from pipeline.recognition.labelled.samples import Labelled, Part, read_card, read_labelled
from pipeline.recognition.learning.gathering import Samples, open_samples
from pipeline.recognition.learning.recognising import predict
from pipeline.recognition.learning.retrieval import search
from pipeline.recognition.learning.trained_recogniser import facts_of, load_recogniser
from pipeline.recognition.scoring.answers import (
    SAMPLES,
    Answers,
    Inputs,
    classified,
    retrieved,
    write_inputs,
    write_samples,
)
from pipeline.recognition.scoring.maps import draw_predicted, draw_truth
from pipeline.running.evaluation_record import log_evaluation
from pipeline.running.outputs import new_file, new_folder
from pipeline.settings.params import Input, RestoredInput


def recognise(
    *,
    recogniser: str,
    model: Recogniser,
    task_name: str,
    weights: Path,
    labelled: Path,
    out: Path,
    metrics: Path,
    inputs: Mapping[str, Input],
    restored_inputs: Mapping[str, RestoredInput],
    threads: int,
) -> None:
    """Write what the network made of every test sample of every input, and the means.

    Args:
        recogniser: Name of the experiment.
        model: Architecture and size.
        task_name: Task that it learnt; its inputs are those of this task.
        weights: Folder with ``weights.safetensors`` and ``card.json``, from stage ``learn``.
        labelled: Folder of all inputs, a folder each.
        out: Folder to make; ``pipeline/recognition/scoring/answers.py`` describes it. Of a cube it
            has ``truth.png`` and ``map_INPUT.png`` too.
        metrics: JSON to write: means by input and measure.
        inputs: All degraded inputs.
        restored_inputs: All restored ones.
        threads: CPU threads to compute with.

    Raises:
        ValueError: There is no sample to test on.
    """
    device = pick_device(threads)
    every: dict[str, Input | RestoredInput] = {**inputs, **restored_inputs}
    names = [task_name, *(name for name, one in every.items() if one.task == task_name)]
    tested = {name: read_labelled(labelled / name) for name in names}
    clean = tested[task_name]
    if not len(clean.positions(Part.TEST)):
        raise ValueError(f"{labelled / task_name}: expected samples to test on, came none")
    network = load_recogniser(model, facts_of(clean), weights).to(device)
    pictures = {"truth": draw_truth(clean)} if clean.kind == "cube" else {}
    answers: list[Answers] = []
    for name, data in tested.items():
        samples = open_samples(data, model, network, device)
        answers += _answers(name, data, network, samples)
        if data.kind == "cube":
            pictures[f"map_{name}"] = draw_predicted(data, partial(predict, network, samples))
    means: dict[str, dict[str, float]] = {}
    for one in answers:
        means.setdefault(one.input, {})[one.measure] = round(float(one.values.mean()), 6)
    with new_folder(out) as folder:
        write_samples(folder, answers)
        cards = {name: read_card(labelled / name) for name in tested}
        write_inputs(folder, Inputs(kind=clean.kind, classes=clean.classes, cards=cards))
        for name, picture in pictures.items():
            write_png(folder / f"{name}.png", picture)
    with new_file(metrics) as file:
        file.write_text(json.dumps(means, indent=2) + "\n")
    card = read_json(weights / "card.json")
    log_evaluation(recogniser, card["weights_sha256"], means, pictures, [out / SAMPLES])


def _answers(name: str, data: Labelled, network: nn.Module, samples: Samples) -> Iterator[Answers]:
    positions = data.positions(Part.TEST)
    labels = data.labels.ravel()[positions]
    true = [data.classes[label] for label in labels]
    if data.kind != "features":
        taken = [data.classes[label] for label in predict(network, samples, positions)]
        yield classified(name, positions, true, taken)
        return
    for measure, precisions in search(network, samples, positions, labels).items():
        yield retrieved(name, measure, positions, true, precisions)


if __name__ == "__main__":
    run_stage(recognise)
