"""``restore photo``, given anywhere."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline import cli
from pipeline.images.files import read_8bit
from tests.browser import needs_chromium, opened
from tests.unit.photographs import COLOUR, exif_with, pixels, saved, write_weights


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, outside of any project, with photographs and a network."""
    write_weights(tmp_path / "net", COLOUR)
    saved(tmp_path / "photos/turned.jpg", pixels(40, 60, 3), exif=exif_with(6))
    saved(tmp_path / "photos/day/gray.png", pixels(30, 50))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_is_restored_beside_itself(
    elsewhere: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = cli.main(["photo", "photos", "--model", "net"])

    printed = capfd.readouterr()
    assert code == 0, printed.err
    results = elsewhere / "photos-restored"
    assert read_8bit(results / "turned.jpg").shape == (60, 40, 3)
    assert read_8bit(results / "day/gray.png").shape == (30, 50, 1)
    assert printed.out.startswith("2 photographs, 0.0 megapixels: about ")
    assert f"results: {results}\n" in printed.out


def test_what_fails_is_named_at_the_end_and_in_the_exit_code(
    elsewhere: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / "photos/broken.png").write_bytes(b"nothing")
    (elsewhere / "photos/phone.heic").write_bytes(b"nothing")

    code = cli.main(["photo", "photos", "--model", "net", "--out", "out"])

    errors = capfd.readouterr().err
    assert code == 1
    assert "broken.png: expected a picture, came 7 bytes of something else" in errors
    assert "phone.heic: a HEIC file: develop or convert it" in errors
    assert (elsewhere / "out/turned.jpg").is_file()
    assert (elsewhere / "out/day/gray.png").is_file()


def test_a_preview_writes_its_page_alone(elsewhere: Path) -> None:
    code = cli.main(["photo", "photos", "--model", "net", "--preview"])

    assert code == 0
    page = elsewhere / "photos-restored/before-after.html"
    assert [path for path in page.parent.rglob("*") if path.is_file()] == [page]
    text = page.read_text()
    assert text.count("data:image/jpeg;base64,") == 4
    assert "http" not in text.partition("<main>")[2]


def test_a_page_that_cannot_be_written_is_named_beside_what_else_failed(
    elsewhere: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / "photos/broken.png").write_bytes(b"nothing")
    (elsewhere / "out/before-after.html").mkdir(parents=True)

    code = cli.main(["photo", "photos", "--model", "net", "--preview", "--out", "out"])

    errors = capfd.readouterr().err
    assert code == 1
    assert "broken.png: expected a picture" in errors
    assert "before-after.html: cannot be written: Is a directory" in errors


def test_the_folder_above_is_named_by_its_name(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(elsewhere / "photos/day")

    assert cli.main(["photo", "..", "--model", "../../net"]) == 0

    assert (elsewhere / "photos-restored/day/gray.png").is_file()


def test_a_network_that_does_not_enlarge_is_refused_for_enlarging(
    elsewhere: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = cli.main(["photo", "photos", "--model", "net", "--task", "upscale", "--scale", "3"])

    assert code == 2
    assert "expected a network that makes pictures 3 times larger" in capfd.readouterr().err
    assert not (elsewhere / "photos-restored").exists()


@pytest.mark.browser
@needs_chromium
def test_a_browser_moves_between_before_and_after(elsewhere: Path) -> None:
    assert cli.main(["photo", "photos", "--model", "net", "--page"]) == 0
    page = elsewhere / "photos-restored/before-after.html"

    with opened(page.as_uri(), width=400) as shown:
        slider = shown.get_by_label("turned.jpg: how much of it is shown before")
        slider.press("End")
        at = shown.locator(".pair").evaluate_all(
            "pairs => pairs.map(pair => pair.style.getPropertyValue('--at')).sort()"
        )
        wide = shown.evaluate("document.documentElement.scrollWidth")

    assert at == ["100%", "50%"]
    assert wide == 400


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (["missing"], "missing: no such file or folder"),
        (["photos", "--model", "nett"], "--model nett: expected weights that ship"),
        (["net"], "expected photographs"),
        (["photos", "--sigma=25"], "the networks that ship: expected a network with a noise map"),
        (["photos", "--model=net", "--sigma=25"], "net: expected a network with a noise map"),
        (["photos", "--model=models:/none@best"], "models:/none@best: MLflow says: no mlflow.db"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(
    asked: list[str], why: str, elsewhere: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = sorted(elsewhere.rglob("*"))

    code = cli.main(["photo", *asked])

    assert code == 2
    assert why in capfd.readouterr().err
    assert sorted(elsewhere.rglob("*")) == before


def test_damaged_weights_are_named(elsewhere: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (elsewhere / "net/weights.safetensors").write_bytes(b"cut")

    code = cli.main(["photo", "photos", "--model", "net"])

    assert code == 2
    assert "net/weights.safetensors: expected the weights that card.json" in capfd.readouterr().err


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("strength", ["1.5", "-0.1", "nan", "much"])
def test_a_strength_is_a_share(strength: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["photo", "photos", f"--strength={strength}"])

    assert ended.value.code == 2


@pytest.mark.parametrize("sigma", ["-1", "256", "nan", "much"])
@pytest.mark.usefixtures("elsewhere")
def test_a_level_of_noise_is_one_of_8_bits(sigma: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["photo", "photos", f"--sigma={sigma}"])


def test_a_network_with_a_noise_map_is_told_the_level(elsewhere: Path) -> None:
    write_weights(elsewhere / "told", COLOUR.model_copy(update={"noise_map": True}))
    results: list[bytes] = []
    for asked in ([], ["--sigma=5"], ["--sigma=50"]):
        out = elsewhere / f"out{len(results)}"

        code = cli.main(["photo", "photos", "--model=told", f"--out={out}", *asked])

        assert code == 0
        results.append(read_8bit(out / "day/gray.png").tobytes())
    assert len(set(results)) == 3


def test_a_model_of_the_registry_is_taken_by_its_alias(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{elsewhere / 'tracker.db'}")
    client = MlflowClient()
    client.create_registered_model("denoise")
    client.create_model_version("denoise", (elsewhere / "net").as_uri())
    client.set_registered_model_alias("denoise", "champion", "1")

    known = cli.main(["photo", "photos", "--model=models:/denoise@champion", "--out=one"])
    unknown = cli.main(["photo", "photos", "--model=models:/denoise@best", "--out=two"])

    assert (known, unknown) == (0, 2)
    assert cli.main(["photo", "photos", "--model=net", "--out=three"]) == 0
    one, three = ((elsewhere / out / "turned.jpg").read_bytes() for out in ("one", "three"))
    assert one == three
    said = capfd.readouterr()
    assert "denoise@champion" in said.out
    assert "models:/denoise@best: MLflow says: " in said.err
