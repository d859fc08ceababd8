"""``restore app``, used as people use it, in the Chromium of the machine."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from pipeline import cli
from tests.browser import needs_chromium, opened
from tests.toy import free_port
from tests.unit.photographs import COLOUR, exif_with, pixels, saved, write_weights

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest.importorskip("nicegui", reason="the extra [app] is not installed")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder outside of any project, with a photograph."""
    saved(tmp_path / "turned.jpg", pixels(300, 400, 3), exif=exif_with(6))
    (tmp_path / "broken.jpg").write_bytes(b"nothing")
    return tmp_path


@pytest.fixture
def address(place: Path) -> Iterator[str]:
    """Serve the page, and return where."""
    port = free_port()
    command = [sys.executable, "-m", "pipeline.cli", "app", f"--port={port}", "--no-browser"]
    # NiceGUI takes a process with pytest's own variable for one of its tests.
    plain = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    with subprocess.Popen(
        command, cwd=place, env=plain, stdout=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stdout is not None
        said = serving.stdout.readline()
        assert f"http://127.0.0.1:{port}/" in said
        yield f"http://127.0.0.1:{port}/"
        serving.send_signal(signal.SIGINT)
        assert serving.wait(timeout=30) == 0


@pytest.fixture
def page(address: str) -> Iterator["Page"]:
    """Open the page."""
    with opened(address) as page:
        yield page


@pytest.mark.browser
@needs_chromium
def test_a_photograph_is_looked_at_and_comes_back_as_the_command_makes_it(
    page: "Page", place: Path
) -> None:
    page.set_input_files("input[type=file]", place / "turned.jpg")
    page.wait_for_selector(".pair img.after")
    page.get_by_text("turned.jpg: 300 x 400 pixels").wait_for()
    slider = page.get_by_label("how much of it is shown before")
    slider.focus()
    slider.press("Home")
    strength = page.get_by_label("strength in per cent")
    strength.click()  # its middle
    page.wait_for_function("getComputedStyle(document.querySelector('.after')).opacity < 0.9")
    page.get_by_text("all of it takes about").wait_for()
    shown = page.locator(".pair").evaluate(
        "pair => getComputedStyle(pair).getPropertyValue('--at')"
    )
    weakened = page.locator(".pair .after").evaluate("image => getComputedStyle(image).opacity")

    with page.expect_download() as came:
        page.get_by_role("button", name="Restore and download").click()

    assert shown == "0%"
    share = float(weakened)
    assert 0 < share < 1
    assert came.value.suggested_filename == "turned-restored.jpg"
    assert cli.main(["photo", str(place / "turned.jpg"), f"--strength={share}"]) == 0
    made = place.with_name(f"{place.name}-restored") / "turned.jpg"
    assert came.value.path().read_bytes() == made.read_bytes()


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize(
    ("what", "network"),
    [("enlarge 3 times", "luma_scales"), ("network luma_scales", "luma_scales")],
)
def test_what_is_enlarged_is_shown_pixel_by_pixel_too(
    what: str, network: str, page: "Page", place: Path
) -> None:
    saved(place / "large.png", pixels(600, 900, 3))
    page.set_input_files("input[type=file]", place / "large.png")
    page.get_by_text("all of it takes about").wait_for()

    page.locator(".q-select").click()
    page.get_by_role("option", name=what, exact=True).click()
    page.get_by_text(f"{network}; all of it takes about").wait_for()

    shown, its_own = page.locator(".pair .after").evaluate(
        "image => [image.getBoundingClientRect().width, image.naturalWidth]"
    )
    assert shown == its_own == 720


@pytest.mark.browser
@needs_chromium
def test_what_cannot_be_restored_is_said_and_the_next_one_can(page: "Page", place: Path) -> None:
    page.set_input_files("input[type=file]", place / "broken.jpg")
    page.get_by_text("expected a picture, came 7 bytes of something else").wait_for()

    page.set_input_files("input[type=file]", place / "turned.jpg")

    page.wait_for_selector(".pair img.after")


@pytest.mark.browser
def test_only_this_machine_is_answered_and_nothing_too_large_is_read(address: str) -> None:
    elsewhere = requests.get(address, headers={"Host": "elsewhere.example"}, timeout=10)
    large = requests.post(address, headers={"Content-Length": str(10**12)}, timeout=10)
    endless = requests.post(address, data=iter([b"part"]), timeout=10)

    assert (elsewhere.status_code, large.status_code, endless.status_code) == (400, 413, 411)


def test_a_port_that_is_taken_is_named(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code = cli.main(["app", f"--port={port}", "--no-browser"])

    assert code == 2
    assert f"port {port} cannot be had" in capfd.readouterr().err


def test_a_missing_extra_is_named(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    code = cli.main(["app", "--no-browser"])

    assert code == 2
    assert "pip install --editable '.[app]'" in capfd.readouterr().err


def test_a_damaged_card_is_named(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    write_weights(place / "data/models/mine", COLOUR)
    (place / "data/models/mine/card.json").write_text("{")
    (place / "dvc.yaml").write_text("stages: {}\n")

    code = cli.main(["app", f"--port={free_port()}", "--no-browser"])

    assert code == 1
    assert "data/models/mine/card.json: expected JSON" in capfd.readouterr().err


def test_weights_that_do_not_restore_are_not_offered(tmp_path: Path) -> None:
    from pipeline.photographs.weights_by_name import restoring_weights

    write_weights(tmp_path / "data/models/mine", COLOUR)
    write_weights(tmp_path / "data/models/other", COLOUR)
    card = tmp_path / "data/models/other/card.json"
    card.write_text(card.read_text().replace("RUNet", "MobileNetV1"))
    (tmp_path / "params.yaml").write_text((Path(__file__).parents[2] / "params.yaml").read_text())

    found = restoring_weights(tmp_path)

    assert "mine" in found
    assert "other" not in found
    assert found["gray_noise"] == (found["gray_noise"][0], None)
