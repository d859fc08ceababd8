"""What training scripts save: containers, prefixes, averages, what lies beside, half precision."""

from argparse import Namespace
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from pipeline.exchange.foreign_weights.chain import ForeignWeightsError
from pipeline.exchange.foreign_weights.choosing import Taken
from pipeline.exchange.foreign_weights.examining import examine
from pipeline.exchange.foreign_weights.reading import read_weights
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from pipeline.models.parts.settings import Model
from pipeline.models.runet.settings import RUNet
from tests import foreign_layouts as foreign

MODEL = DnCNN(channels=1, width=8, depth=5, batch_norm=False, residual=True)
HOUSE = RUNet(channels=1, widths=[4, 8], blocks=[1, 1], noise_map=False)

Tensors = Mapping[str, Tensor]


def network(seed: int = 0, model: Model = MODEL) -> nn.Module:
    return foreign.randomise(build_model(model, seed=0), seed)


def weights(seed: int = 0, prefix: str = "", model: Model = MODEL) -> dict[str, Tensor]:
    tensors = network(seed, model).state_dict()
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def vgg(prefix: str) -> dict[str, Tensor]:
    layers = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3))
    return {f"{prefix}{name}": tensor for name, tensor in layers.state_dict().items()}


def save(folder: Path, content: object, *, zipped: bool = True) -> Path:
    path = folder / "weights.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def taken(path: Path, entry: str | None = None, model: Model = MODEL) -> Taken[dict[str, Tensor]]:
    return read_weights(path, "restore", model, entry)


def notes(found: Taken[Any]) -> str:
    return "\n".join(f"{heading}: {words}" for heading, words in found.notes)


def refusal(path: Path, entry: str | None = None) -> str:
    with pytest.raises(ForeignWeightsError) as caught:
        taken(path, entry)
    assert str(path) in str(caught.value)
    return str(caught.value)


def same(one: Tensors, other: Tensors) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one
    )


# ---------------------------------------------------------------------------- prefixes

PREFIXES = [
    *("_orig_mod.", "module.", "model.", "net.", "network.", "generator.", "netG.", "backbone."),
    *("model._orig_mod.", "_orig_mod.module.", "module.module.", "model.net._orig_mod."),
    "somebodys_name_for_it.",
]


@pytest.mark.parametrize("model", [MODEL, HOUSE], ids=["in a layout", "our own"])
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("kind", ["zipped", "legacy", "safetensors"])
def test_a_prefix_of_all_names_is_taken_off(
    tmp_path: Path, kind: str, prefix: str, model: Model
) -> None:
    tensors = weights(prefix=prefix, model=model)
    path = tmp_path / "weights.pth"
    if kind == "safetensors":
        save_file(tensors, path)
    else:
        save(tmp_path, tensors, zipped=kind == "zipped")

    found = taken(path, model=model)

    assert same(found.content, weights(model=model))
    assert found.entry == prefix.removesuffix(".")


def test_names_of_a_layout_that_look_like_a_prefix_stay(tmp_path: Path) -> None:
    theirs = foreign.randomise(foreign.kair(1, 8, 5, normalised=False)).state_dict()
    plain, wrapped = tmp_path / "plain", tmp_path / "wrapped"
    for folder, prefix in ((plain, ""), (wrapped, "model.")):
        folder.mkdir()
        save(folder, {f"{prefix}{name}": tensor for name, tensor in theirs.items()})

    one, other = (
        read_weights(folder / "weights.pth", "kair", MODEL, None) for folder in (plain, wrapped)
    )

    assert (one.entry, other.entry) == ("", "model")
    assert same(one.content, other.content)
    assert torch.equal(one.content["noise.0.weight"], theirs["model.0.weight"])


@pytest.mark.parametrize(
    "beside",
    [
        {"discriminator.0.weight": torch.ones(3), "discriminator.0.bias": torch.ones(3)},
        vgg("loss.vgg."),
        vgg("somebodys.features."),
    ],
    ids=["discriminator", "loss", "unknown"],
)
def test_what_lies_under_another_prefix_is_left_out_and_said(
    tmp_path: Path, beside: dict[str, Tensor]
) -> None:
    path = save(tmp_path, {**weights(prefix="generator._orig_mod."), **beside})

    found = taken(path)

    assert same(found.content, weights())
    first = next(iter(beside)).split(".")[0]
    assert f"left out: {first} ({len(beside)} tensors)" in notes(found)


def test_a_loss_within_the_network_itself_is_left_out_and_said(tmp_path: Path) -> None:
    found = taken(save(tmp_path, {**weights(), **vgg("criterion.vgg.")}))

    assert same(found.content, weights())
    assert "left out: criterion (4 tensors)" in notes(found)


@pytest.mark.parametrize(
    ("prefix", "beside"),
    [
        ("model.", {"scale": torch.ones(1)}),
        ("model.", {"model.scale": torch.ones(1)}),
        ("somebodys.", vgg("upsampler.")),
        ("", vgg("upsampler.")),
    ],
    ids=["a bare tensor", "a tensor of the model", "an unknown prefix", "no prefix"],
)
def test_what_may_belong_to_the_network_is_never_dropped(
    tmp_path: Path, prefix: str, beside: dict[str, Tensor]
) -> None:
    path = save(tmp_path, {**weights(prefix=prefix), **beside})

    assert next(iter(beside)).removeprefix("model.") in refusal(path)


def test_what_may_be_a_part_of_a_network_is_taken_by_its_name(tmp_path: Path) -> None:
    path = save(tmp_path, {**weights(prefix="first."), **vgg("upsampler.")})

    assert "--entry first" in refusal(path)
    found = taken(path, "first")

    assert same(found.content, weights())
    assert "left out: upsampler (4 tensors)" in notes(found)


def test_the_averages_of_torch_are_read_beside_their_counter(tmp_path: Path) -> None:
    averaged = torch.optim.swa_utils.AveragedModel(network())

    found = taken(save(tmp_path, averaged.state_dict()))

    assert same(found.content, weights())
    assert "left out: n_averaged" in notes(found)


# -------------------------------------------------------------------------- containers

CONTAINERS = [
    *("state_dict", "model_state_dict", "model", "params", "params_ema", "ema", "ema_state_dict"),
    *("net", "weights", "generator", "netG_state_dict", "somebodys_key"),
]


@pytest.mark.parametrize("key", CONTAINERS)
def test_a_checkpoint_is_read_whatever_its_key_and_what_is_left_out_is_said(
    tmp_path: Path, key: str
) -> None:
    trained = network()
    optimiser = torch.optim.Adam(trained.parameters())
    sum(one.sum() for one in trained.parameters()).backward()  # type: ignore[union-attr]
    expected = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    optimiser.step()
    content = {"epoch": 7, key: expected, "optimizer": optimiser.state_dict()}

    found = taken(save(tmp_path, content))

    assert same(found.content, expected)
    assert found.entry == key
    assert "left out: epoch, optimizer" in notes(found)


def test_containers_within_one_another_are_opened(tmp_path: Path) -> None:
    found = taken(save(tmp_path, {"a": {"generator": {"params": weights(prefix="module.")}}}))

    assert same(found.content, weights())
    assert found.entry == "a.generator.params.module"


def test_a_discriminator_with_a_key_of_its_own_is_left_out_even_if_it_fits(tmp_path: Path) -> None:
    found = taken(save(tmp_path, {"netD": weights(1), "netG": weights(2)}))

    assert found.entry == "netG"
    assert same(found.content, weights(2))


def test_two_networks_that_fit_and_differ_are_refused_until_one_is_named(tmp_path: Path) -> None:
    path = save(tmp_path, {"best": weights(1), "last": weights(2)})

    message = refusal(path)

    assert "best does, and so does last" in message
    assert "--entry" in message
    assert same(taken(path, "last").content, weights(2))


def test_the_same_weights_under_two_keys_are_one_network(tmp_path: Path) -> None:
    found = taken(save(tmp_path, {"best": weights(1), "last": weights(1)}))

    assert same(found.content, weights(1))


def test_of_two_networks_only_one_of_which_has_the_size_that_one_is_taken(tmp_path: Path) -> None:
    larger = MODEL.model_copy(update={"depth": 6})
    path = save(tmp_path, {"prior": weights(model=larger), "main": weights()})

    assert taken(path).entry == "main"
    assert taken(path, model=larger).entry == "prior"


def test_an_entry_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = save(tmp_path, {"params": weights(1), "params_ema": weights(2)})

    assert "the nearest known one is 'params_ema'" in refusal(path, "param_ema")


def test_an_entry_without_a_network_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    lacking = weights(1)
    del lacking["noise.4.weight"]
    path = save(tmp_path, {"params": lacking, "params_ema": weights(2)})

    message = refusal(path, "params")

    assert "(params)" in message
    assert "missing are noise.4.weight" in message


def test_a_file_of_matlab_has_no_entries(tmp_path: Path) -> None:
    path = tmp_path / "net.mat"
    foreign.write_version_5(path, {"net": foreign.simplenn(network())})

    with pytest.raises(ForeignWeightsError, match="has no entry params"):
        read_weights(path, "matconvnet", MODEL, "params")


# ---------------------------------------------------------------------------- averages

AVERAGED = [
    ({"params": weights(1), "params_ema": weights(2)}, "params_ema", "params"),
    ({"ema": weights(2), "model": weights(1)}, "ema", "model"),
    ({"state_dict": weights(1), "state_dict_ema": weights(2)}, "state_dict_ema", "state_dict"),
    ({"netG": weights(1), "netG_EMA": weights(2)}, "netG_EMA", "netG"),
    (
        {"state_dict": {**weights(1, "model."), **weights(2, "model_ema.module.")}},
        "state_dict.model_ema.module",
        "state_dict.model",
    ),
    (
        # As Lightning's callback of averages leaves it.
        {
            "state_dict": weights(2, "model."),
            "current_model_state": weights(1, "model."),
            "averaging_state": {"n_averaged": torch.tensor(3)},
        },
        "state_dict.model",
        "current_model_state.model",
    ),
]


@pytest.mark.parametrize(("content", "averaged", "last"), AVERAGED)
def test_averaged_weights_are_preferred_and_the_others_are_taken_by_their_name(
    tmp_path: Path, content: object, averaged: str, last: str
) -> None:
    path = save(tmp_path, content)

    by_rule, by_name = taken(path), taken(path, last)

    assert same(by_rule.content, weights(2))
    assert by_rule.entry == averaged
    assert f"{averaged}, weights averaged over the training (EMA)" in notes(by_rule)
    assert last in notes(by_rule)
    assert same(by_name.content, weights(1))
    assert by_name.entry == last


@pytest.mark.parametrize(
    ("entry", "needed"), [(None, None), ("params_ema", None), ("params", "params")]
)
def test_params_yaml_needs_an_entry_only_where_the_rule_takes_another_one(
    tmp_path: Path, entry: str | None, needed: str | None
) -> None:
    path = save(tmp_path, {"params": weights(1), "params_ema": weights(2)})

    assert examine(path, None, {"dncnn.a": MODEL}, None, entry)["entry"] == needed


def test_the_same_entry_is_found_for_our_other_networks(tmp_path: Path) -> None:
    content = {"params": weights(1, model=HOUSE), "params_ema": weights(2, "net.", model=HOUSE)}
    path = save(tmp_path, content)

    found = examine(path, None, {"dncnn.a": MODEL, "runet.a": HOUSE}, None)

    assert (found["model"], found["layout"], found["entry"]) == ("runet.a", "restore", None)
    assert same(taken(path, model=HOUSE).content, weights(2, model=HOUSE))


# --------------------------------------------------------------------------- precision


@pytest.mark.parametrize("model", [MODEL, HOUSE], ids=["in a layout", "our own"])
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("safe", [True, False])
def test_other_precisions_are_read_as_float32_and_it_is_said(
    tmp_path: Path, kind: torch.dtype, model: Model, safe: bool
) -> None:
    stored = {name: tensor.to(kind) for name, tensor in weights(model=model).items()}
    path = tmp_path / "weights.pth"
    if safe:
        save_file(stored, path)
    else:
        save(tmp_path, stored)

    found = taken(path, model=model)

    assert same(found.content, {name: tensor.float() for name, tensor in stored.items()})
    assert f"{str(kind).removeprefix('torch.')} in the file, read as float32" in notes(found)


def test_safetensors_are_no_pickle_although_the_length_of_their_header_begins_as_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "weights.safetensors"
    for padding in range(32):
        save_file(weights(), path, metadata={"about": "x" * 8 * padding})
        if path.read_bytes().startswith(b"\x80"):
            break
    assert path.read_bytes().startswith(b"\x80")

    assert same(taken(path).content, weights())


def test_nothing_is_said_of_a_plain_state_dict(tmp_path: Path) -> None:
    assert taken(save(tmp_path, weights())).notes == ()


# ------------------------------------------------------- objects beside the weights


class Settings(Namespace):
    """A class that the reader of a file has never heard of."""


def lightning(hyper_parameters: Mapping[str, object]) -> dict[str, Any]:
    """Return what ``Trainer.save_checkpoint`` of Lightning 2 writes."""
    return {
        "epoch": 1,
        "global_step": 4,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": OrderedDict({**weights(prefix="model."), **vgg("perceptual.vgg.")}),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 1}}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'l'}": {"best_model_score": torch.tensor(0.1)}},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": []}],
        "lr_schedulers": [{"last_epoch": 1}],
        "hparams_name": "kwargs",
        "hyper_parameters": hyper_parameters,
    }


OBJECTS: dict[str, dict[str, object]] = {
    "none": {"lr": 1e-3},
    "settings": {"options": Settings(lr=1, deep=Settings(path=Path("data")))},
    "a path": {"data": Path("data")},
    "a function": {"activation": nn.functional.relu},
    "a partial": {"optimiser": partial(torch.optim.Adam, lr=1e-3)},
    "a loss": {"loss": nn.L1Loss()},
    "numbers of NumPy": {"best": np.float64(31.5), "psnr": np.ones(3)},
    "a dictionary with defaults": {"history": defaultdict(list, {"loss": [1.0]})},
}


# Before torch 1.6 a module was written with the text of its code, which nothing reads any more.
@pytest.mark.parametrize(
    ("hyper_parameters", "zipped"),
    [
        pytest.param(objects, zipped, id=f"{name}, {'zipped' if zipped else 'legacy'}")
        for name, objects in OBJECTS.items()
        for zipped in (True, False)
        if zipped or name != "a loss"
    ],
)
def test_a_checkpoint_of_lightning_is_read_past_the_objects_in_it(
    tmp_path: Path, hyper_parameters: Mapping[str, object], zipped: bool
) -> None:
    found = taken(save(tmp_path, lightning(hyper_parameters), zipped=zipped))

    assert same(found.content, weights())
    assert found.entry == "state_dict.model"
    assert "state_dict.perceptual (4 tensors)" in notes(found)
    assert "optimizer_states" in notes(found)


def test_the_code_that_is_passed_over_is_named(tmp_path: Path) -> None:
    found = taken(save(tmp_path, lightning(OBJECTS["settings"])))

    assert f"{__name__}.Settings" in notes(found)


class Traced:
    """Counts how often it is made."""

    made = 0

    def __new__(cls) -> "Traced":
        Traced.made += 1
        return super().__new__(cls)

    def __setstate__(self, _state: object) -> None:
        Traced.made += 1


def test_no_object_beside_the_weights_is_ever_made(tmp_path: Path) -> None:
    one = Traced()
    one.__dict__["kept"] = 1
    path = save(tmp_path, lightning({"one": one}))
    before = set(torch.serialization.get_safe_globals())
    Traced.made = 0

    taken(path)

    assert Traced.made == 0
    assert set(torch.serialization.get_safe_globals()) == before
