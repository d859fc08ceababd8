import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from pipeline.arrays.file_checksum import sha256_of
from pipeline.arrays.pixels import to_8bit
from pipeline.checking.params_file import load_params
from pipeline.images.files import read_image
from pipeline.models.hybridsn.settings import HybridSN
from pipeline.models.recogniser_parts.recogniser_building import build_recogniser
from pipeline.models.recogniser_parts.settings import Recogniser
from pipeline.recognition.labelled.samples import Labelled, Part, write_labelled
from pipeline.recognition.learning.gathering import open_samples
from pipeline.recognition.learning.retrieval import search
from pipeline.recognition.scoring.answers import Answers, read_inputs, read_samples
from pipeline.recognition.scoring.palette import paint
from pipeline.running.tracking import deliver
from pipeline.settings.params import Input, RestoredInput
from stages.recognise import recognise
from tests.recognition_data import (
    CPU,
    MODELS,
    TASKS,
    clean_card,
    cube,
    facts_of,
    features,
    images,
    network_of,
)

pytestmark = pytest.mark.usefixtures("own_tracker", "one_thread")

NEAREST = HybridSN(
    window=3,
    components=2,
    whiten=False,
    fit_on="all",
    spectral=[],
    spatial=[],
    hidden=[],
    dropout=0.0,
    hidden_activation=False,
)

ARCHS = {"images": "se_resnet", "cube": "hybridsn", "features": "dscmr"}

INPUTS = {
    "noisy": Input(task="task", degradation="noise"),
    "blurred": Input(task="task", degradation="blur"),
    "elsewhere": Input(task="other", degradation="noise"),
}

RESTORED = {
    "noisy_net": RestoredInput(
        task="task", input="noisy", arch="dncnn", model="small", weights="net"
    ),
    "elsewhere_net": RestoredInput(
        task="other", input="elsewhere", arch="dncnn", model="small", weights="net"
    ),
}


def inputs_of(clean: Labelled) -> dict[str, Labelled]:
    """Return the clean input of a task and three others, whose values are those of chance."""
    rng = np.random.default_rng(0)
    shape = clean.values.shape
    others = {
        name: clean.with_values(rng.uniform(0, 1, shape).astype(np.float32))
        for name in ("noisy", "blurred", "noisy_net")
    }
    return {"task": clean, **others}


def write_input(folder: Path, data: Labelled, task: str = "task", **card: str) -> None:
    folder.mkdir(parents=True)
    write_labelled(folder, data, {**clean_card(task), **card})


def write_network(folder: Path, network: nn.Module) -> None:
    folder.mkdir()
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, folder / "weights.safetensors")
    card = {"weights_sha256": sha256_of(folder / "weights.safetensors")}
    (folder / "card.json").write_text(json.dumps(card))


def run(
    folder: Path,
    data: Mapping[str, Labelled],
    network: nn.Module,
    given: Mapping[str, Input] = INPUTS,
    restored: Mapping[str, RestoredInput] = RESTORED,
    model: Recogniser | None = None,
) -> Path:
    """Test a network on the inputs of a task, and return the folder of the evaluation."""
    for name, labelled in data.items():
        write_input(folder / "inputs" / name, labelled, model=name)
    write_network(folder / "net", network)
    recognise(
        recogniser="net",
        model=model or MODELS[ARCHS[data["task"].kind]],
        task_name="task",
        weights=folder / "net",
        labelled=folder / "inputs",
        out=folder / "out",
        metrics=folder / "net.json",
        inputs=given,
        restored_inputs=restored,
        threads=1,
    )
    return folder / "out"


def means_of(folder: Path) -> dict[str, dict[str, float]]:
    means: dict[str, dict[str, float]] = json.loads((folder / "net.json").read_text())
    return means


def fresh(clean: Labelled) -> nn.Module:
    """Return a network with statistics of its own."""
    network = network_of(MODELS[ARCHS[clean.kind]], clean, seed=4)
    rng = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if "running" in name:
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=rng))
    return network.eval()


def labels_by(network: nn.Module, data: Labelled, positions: NDArray[np.int64]) -> list[str]:
    """Return the names of the classes that a network takes samples for, one by one."""
    samples = open_samples(data, MODELS[ARCHS[data.kind]], network, CPU)
    with torch.no_grad():
        taken = [int(network(samples.at(np.array([one]))).argmax()) for one in positions]
    return [data.classes[label] for label in taken]


# ------------------------------------------------------------------------------ all kinds


def test_answers_reach_the_tracker_without_that_testing_loads_mlflow(
    tmp_path: Path, root: Path, loads_mlflow: Callable[..., bool]
) -> None:
    params = load_params(root / "pipeline/checking/presets/smoke.yaml")
    clean = images()
    for name in ("faces", *params.inputs, *params.restored_inputs):
        write_input(tmp_path / "inputs" / name, clean, task="faces")
    (model,) = attrgetter("mobilenet_v1")(params.models).values()
    write_network(tmp_path / "net", network_of(model, clean, seed=4))

    loaded = loads_mlflow(
        "recognise",
        recogniser="mobilenet",
        model="mobilenet_v1.tiny",
        task_name="faces",
        weights="net",
        labelled="inputs",
        out="out",
        metrics="net.json",
    )
    deliver()

    assert not loaded
    weights = sha256_of(tmp_path / "net/weights.safetensors")
    (run,) = MlflowClient().search_runs(["1"], f"tags.`restore.weights` = '{weights}'")
    means = means_of(tmp_path)
    assert run.data.metrics == {f"{name}/accuracy": one["accuracy"] for name, one in means.items()}


@pytest.mark.parametrize("kind", TASKS)
def test_every_input_of_the_task_is_tested_and_none_of_another(tmp_path: Path, kind: str) -> None:
    clean = TASKS[kind]()
    measures = {"accuracy"} if kind != "features" else {"map_image_to_text", "map_text_to_image"}

    out = run(tmp_path, inputs_of(clean), fresh(clean))

    names = ["task", "noisy", "blurred", "noisy_net"]
    answers = read_samples(out, "recognise@net")
    assert {(one.input, one.measure) for one in answers} == {
        (name, measure) for name in names for measure in measures
    }
    found = read_inputs(out, "recognise@net")
    assert list(found.cards) == names
    assert [card["model"] for card in found.cards.values()] == names
    assert (found.kind, found.classes) == (clean.kind, clean.classes)
    assert list(means_of(tmp_path)) == names


@pytest.mark.parametrize("kind", TASKS)
def test_only_test_samples_are_scored_all_of_them_in_order(tmp_path: Path, kind: str) -> None:
    clean = TASKS[kind]()

    out = run(tmp_path, inputs_of(clean), fresh(clean))

    positions = clean.positions(Part.TEST)
    for one in read_samples(out, "recognise@net"):
        assert list(one.samples) == [str(position) for position in positions]
        assert list(one.labels) == [clean.classes[clean.labels.flat[p]] for p in positions]


@pytest.mark.parametrize("kind", TASKS)
def test_means_are_those_of_the_samples(tmp_path: Path, kind: str) -> None:
    clean = TASKS[kind]()

    out = run(tmp_path, inputs_of(clean), fresh(clean))

    means = means_of(tmp_path)
    for one in read_samples(out, "recognise@net"):
        assert means[one.input][one.measure] == pytest.approx(one.values.mean(), abs=1e-6)


@pytest.mark.parametrize("kind", TASKS)
def test_the_same_command_gives_the_same_bytes(tmp_path: Path, kind: str) -> None:
    clean = TASKS[kind]()

    one, other = (run(tmp_path / name, inputs_of(clean), fresh(clean)) for name in ("a", "b"))

    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_a_task_without_samples_to_test_on_is_refused(tmp_path: Path) -> None:
    clean = images()
    clean = replace(clean, parts=np.full_like(clean.parts, Part.TRAIN))

    with pytest.raises(ValueError, match="task: expected samples to test on, came none"):
        run(tmp_path, inputs_of(clean), fresh(clean))

    assert not (tmp_path / "out").exists()


def test_a_task_may_have_no_inputs_but_its_own(tmp_path: Path) -> None:
    clean = images()

    run(tmp_path, {"task": clean}, fresh(clean), {"elsewhere": INPUTS["elsewhere"]}, {})

    assert list(means_of(tmp_path)) == ["task"]


# -------------------------------------------------------------------------- classification


@pytest.mark.parametrize("kind", ["images", "cube"])
def test_predictions_are_those_of_the_network(tmp_path: Path, kind: str) -> None:
    clean = TASKS[kind]()
    data, network = inputs_of(clean), fresh(clean)

    out = run(tmp_path, data, network)

    for one in read_samples(out, "recognise@net"):
        expected = labels_by(network, data[one.input], clean.positions(Part.TEST))
        assert list(one.predicted) == expected
        right = [a == b for a, b in zip(one.labels, one.predicted, strict=True)]
        assert one.values.tolist() == right


def recognising_spectra(clean: Labelled) -> nn.Module:
    """Return a network of one linear layer that knows the spectra of the classes."""
    network = build_recogniser(NEAREST, facts_of(clean), seed=0)
    network.fit(torch.from_numpy(clean.values.reshape(-1, clean.values.shape[-1])))  # type: ignore[operator]
    spectra = [clean.values[clean.labels == label][0] for label in range(len(clean.classes))]
    centres = network.project(torch.from_numpy(np.array([spectra])))[:, 0].T  # type: ignore[operator]
    weights = network.state_dict()
    # The nearest centre has the largest of these, and only the window's middle counts.
    weights["classifier.weight"].zero_()
    middles = weights["classifier.weight"].view(len(centres), -1, 3, 3)[:, :, 1, 1]
    middles.copy_(centres)
    weights["classifier.bias"].copy_(-(centres**2).sum(1) / 2)
    return network.eval()


def test_a_perfect_network_recognises_all_that_is_clean(tmp_path: Path) -> None:
    # Each class has a spectrum of its own, and the window's middle has that of its class.
    labels = (np.arange(99, dtype=np.int16) % 3).reshape(9, 11)
    scene = replace(cube(), labels=labels, parts=np.full((9, 11), Part.TEST, np.uint8))
    spectra = np.linspace([0.1] * 6, [0.9] * 6, 3)
    clean = scene.with_values(spectra[labels].astype(np.float32))
    hidden = clean.with_values(np.zeros_like(clean.values, np.float32))
    network = recognising_spectra(clean)

    data = {"task": clean, "noisy": hidden}
    out = run(tmp_path, data, network, {"noisy": INPUTS["noisy"]}, {}, model=NEAREST)

    assert means_of(tmp_path) == {
        "task": {"accuracy": 1},
        "noisy": {"accuracy": pytest.approx(1 / 3, abs=1e-6)},
    }
    assert np.array_equal(picture(out, "map_task"), picture(out, "truth"))


# -------------------------------------------------------------------------------- cubes


def picture(out: Path, name: str) -> NDArray[np.uint8]:
    return to_8bit(read_image(out / f"{name}.png"))


def test_maps_of_a_cube_have_its_size_and_the_colours_of_what_was_predicted(
    tmp_path: Path,
) -> None:
    clean = cube()
    data, network = inputs_of(clean), fresh(clean)

    out = run(tmp_path, data, network)

    truth = picture(out, "truth")
    assert np.array_equal(truth, paint(clean.labels))
    labelled = np.flatnonzero(clean.labels >= 0)
    for name, labelled_input in data.items():
        names = labels_by(network, labelled_input, labelled)
        predicted = np.full(99, -1)
        predicted[labelled] = [clean.classes.index(one) for one in names]
        drawn = picture(out, f"map_{name}")
        assert np.array_equal(drawn, paint(predicted.reshape(9, 11)))
        right = predicted.reshape(9, 11) == clean.labels
        assert np.array_equal((drawn == truth).all(axis=2), right)


def test_only_cubes_have_maps(tmp_path: Path) -> None:
    clean = images()

    out = run(tmp_path, inputs_of(clean), fresh(clean))

    assert sorted(path.name for path in out.iterdir()) == ["inputs.json", "samples.csv"]


# ----------------------------------------------------------------------------- retrieval


def test_both_directions_of_a_retrieval_are_measured(tmp_path: Path) -> None:
    clean = features()
    data, network = inputs_of(clean), fresh(clean)

    out = run(tmp_path, data, network)

    positions = clean.positions(Part.TEST)
    for one in read_samples(out, "recognise@net"):
        samples = open_samples(data[one.input], MODELS["dscmr"], network, CPU)
        found = search(network, samples, positions, clean.labels[positions])
        assert one.values == pytest.approx(found[one.measure])
        assert set(one.predicted) == {""}
    assert differ(read_samples(out, "recognise@net"))


def differ(answers: list[Answers]) -> bool:
    """Tell whether both directions of the clean input have values of their own."""
    one, other = (answer for answer in answers if answer.input == "task")
    return not np.allclose(one.values, other.values)
