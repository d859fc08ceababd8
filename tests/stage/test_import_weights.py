import json
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.exchange.foreign_weights.chain import ForeignWeightsError
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from pipeline.models.runet.settings import RUNet
from pipeline.settings.params import Imported
from stages.import_weights import import_weights
from tests import foreign_layouts as foreign

MODEL = DnCNN(channels=1, width=8, depth=5, batch_norm=False, residual=True)


def write_source(folder: Path) -> Path:
    network = foreign.randomise(build_model(MODEL, seed=0))
    foreign.write_version_7_3(folder / "sigma=25.mat", {"net": foreign.simplenn(network)})
    return folder / "sigma=25.mat"


CHECKED = Path("data/checked/params.txt")


def run_as(
    layout: str, source: Path, out: Path, model: DnCNN | RUNet, entry: str | None = None
) -> Path:
    published = Imported.model_validate(
        {
            "arch": type(model).__name__.lower(),
            "model": "theirs",
            "source": str(source),
            "layout": layout,
            "entry": entry,
            "test_on": "denoise",
        }
    )
    import_weights(
        published=published, name="theirs", model=model, source=source, checked=CHECKED, out=out
    )
    return out


def run(source: Path, out: Path, model: DnCNN = MODEL) -> Path:
    return run_as("matconvnet", source, out, model)


def run_own(source: Path, out: Path, model: RUNet) -> Path:
    return run_as("restore", source, out, model)


def test_the_weights_are_those_that_reconstruct_loads(tmp_path: Path) -> None:
    out = run(write_source(tmp_path), tmp_path / "out")

    network = build_model(MODEL, seed=1)
    network.load_state_dict(load_file(out / "weights.safetensors"))

    expected = foreign.randomise(build_model(MODEL, seed=0))
    for one, other in zip(network.parameters(), expected.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_card_says_what_was_imported(tmp_path: Path) -> None:
    source = write_source(tmp_path)

    out = run(source, tmp_path / "out")

    assert sorted(path.name for path in out.iterdir()) == ["card.json", "weights.safetensors"]
    assert json.loads((out / "card.json").read_text()) == {
        "imported": {
            "file": "sigma=25.mat",
            "sha256": sha256(source.read_bytes()).hexdigest(),
            "layout": "matconvnet",
        },
        "model": {"class": "DnCNN", **MODEL.model_dump()},
        "parameters": sum(one.numel() for one in build_model(MODEL, seed=0).parameters()),
        "weights_sha256": sha256((out / "weights.safetensors").read_bytes()).hexdigest(),
    }


def test_the_named_network_of_several_is_taken_and_the_card_names_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    last, averaged = (foreign.randomise(build_model(MODEL, seed=0), seed) for seed in (1, 2))
    source = tmp_path / "theirs.pth"
    torch.save({"params": last.state_dict(), "params_ema": averaged.state_dict()}, source)

    for entry, expected in (("params", last), (None, averaged)):
        with caplog.at_level("INFO", logger="pipeline"):
            out = run_as("restore", source, tmp_path / str(entry), MODEL, entry)

        weights = load_file(out / "weights.safetensors")
        assert all(torch.equal(weights[k], tensor) for k, tensor in expected.state_dict().items())
        card = json.loads((out / "card.json").read_text())
        assert card["imported"]["entry"] == (entry or "params_ema")
    assert "imported.theirs: entry: params_ema, weights averaged" in caplog.text


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    source = write_source(tmp_path)

    one, other = run(source, tmp_path / "one"), run(source, tmp_path / "other")

    for name in ("weights.safetensors", "card.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


@pytest.mark.parametrize("existing", [True, False])
def test_a_refusal_names_the_entry_and_writes_nothing(tmp_path: Path, existing: bool) -> None:
    out = tmp_path / "out"
    source = write_source(tmp_path)
    if existing:
        run(source, out)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    with pytest.raises(ForeignWeightsError, match=r"imported\.theirs: .*holds a DnCNN of 5 layers"):
        run(source, out, MODEL.model_copy(update={"depth": 6}))

    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def write_own(folder: Path, model: RUNet, **card: object) -> Path:
    folder.mkdir()
    weights = folder / "weights.safetensors"
    save_file(build_model(model, seed=3).state_dict(), weights)
    said = {"weights_sha256": sha256(weights.read_bytes()).hexdigest(), **card}
    (folder / "card.json").write_text(json.dumps(said))
    return folder


HOUSE = RUNet(channels=1, widths=[4, 8], blocks=[1, 1], noise_map=False)


def test_our_own_weights_of_any_architecture_come_back_with_what_made_them(tmp_path: Path) -> None:
    learnt = {"degradation": {"kind": "gaussian"}, "trained_on": {"images": 7}, "steps": 5}
    source = write_own(tmp_path / "theirs", HOUSE, **learnt, experiment="theirs", results={})

    run_own(source, tmp_path / "out", HOUSE)

    taken, given = (
        load_file(folder / "weights.safetensors") for folder in (tmp_path / "out", source)
    )
    assert taken.keys() == given.keys()
    assert all(torch.equal(taken[name], given[name]) for name in given)
    card = json.loads((tmp_path / "out/card.json").read_text())
    assert card | learnt == card
    assert not {"experiment", "results"} & card.keys()


def test_the_card_of_other_weights_is_not_believed(tmp_path: Path) -> None:
    source = write_own(tmp_path / "theirs", HOUSE, steps=5, weights_sha256="0" * 64)

    with pytest.raises(ValueError, match=r"expected the weights that card\.json"):
        run_own(source, tmp_path / "out", HOUSE)

    assert not (tmp_path / "out").exists()


def test_own_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    source = write_own(tmp_path / "theirs", HOUSE)
    other = HOUSE.model_copy(update={"widths": [4, 16]})

    with pytest.raises(ForeignWeightsError, match=r"imported\.theirs: "):
        run_own(source, tmp_path / "out", other)

    assert not (tmp_path / "out").exists()
