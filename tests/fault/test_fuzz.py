"""Damaged and hostile files at every reader: an error that is foreseen, soon, or the right content.

``RESTORE_FUZZ=2000`` tries so many of each kind, always the same ones; a few show that it works.
"""

import io
import json
import os
import random
import re
import tarfile
import time
import warnings
import zipfile
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from safetensors.torch import save

from pipeline.arrays.weights_file import read_weights
from pipeline.checking.params_file import load_params
from pipeline.datasets.archives import unpack
from pipeline.datasets.catalogue import Members
from pipeline.images.files import image_size, read_image
from pipeline.photographs.reading import picture_size, read_picture
from pipeline.training.checkpoints import CheckpointFile
from tests.foreign_layouts import kair, read_network, simplenn, write_version_5, write_version_7_3
from tests.project import ROOT

pytestmark = pytest.mark.fault

INPUTS = int(os.environ.get("RESTORE_FUZZ", "60"))

FORESEEN = (ValueError, OSError)
"""What stages and commands turn into a sentence; anything else would be a traceback."""

LONGEST = 20.0
"""Seconds that an input may take."""

HOSTILE = (
    *("null", ".nan", "-.inf", "1e400", "-1", "0", "99999999999999999999", "no", "''", "[]", "{}"),
    *("!!python/object/apply:os.system [ls]", "&a [*a]", "<<: *gone", "\t", "\x00", "\ufeff", "é"),
    *(
        "2024-06-01",
        "0x10",
        "1_000",
        "? x",
        "%YAML 1.1",
        "..",
        "/etc/passwd",
        "~",
        "a: b: c",
        "- -",
    ),
)
"""Words that a line of YAML or JSON may get for a value."""


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Args:
        sound: Returns whole files, by name.
        read: Reads one, whatever became of it.
        text: Whether lines and words can be exchanged too.
    """

    sound: Callable[[Path], Mapping[str, bytes]]
    read: Callable[[Path], object]
    text: bool = False


# -------------------------------------------------------------------------------- files


def gradient(channels: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    rows, columns = np.mgrid[0:40, 0:50]
    return np.stack([(rows * 3 + columns * k) % 256 for k in range(1, channels + 1)], -1).astype(
        np.uint8
    )


def pictures(_folder: Path) -> Mapping[str, bytes]:
    found = {}
    colour, gray = Image.fromarray(gradient(3)), Image.fromarray(gradient(1)[..., 0])
    exif = Image.Exif()
    exif[274], exif[271] = 6, "camera"
    options: dict[str, tuple[Image.Image, dict[str, object]]] = {
        "a.png": (colour, {}),
        "gray.png": (gray, {}),
        "palette.png": (colour.quantize(16), {}),
        "a.jpg": (colour, {"quality": 80, "exif": exif.tobytes(), "dpi": (300, 300)}),
        "progressive.jpg": (colour, {"progressive": True}),
        "a.webp": (colour, {"exif": exif.tobytes()}),
        "a.bmp": (colour, {}),
        "a.tif": (colour, {"compression": "tiff_lzw"}),
    }
    for name, (image, settings) in options.items():
        stream = io.BytesIO()
        kind = {"jpg": "JPEG", "tif": "TIFF"}.get(name.rpartition(".")[2])
        image.save(stream, kind or name.rpartition(".")[2].upper(), **settings)
        found[name] = stream.getvalue()
    stream = io.BytesIO()
    tifffile.imwrite(stream, gradient(3).astype(np.uint16) * 257, photometric="rgb")
    return {**found, "deep.tif": stream.getvalue()}


def archives(_folder: Path) -> Mapping[str, bytes]:
    image = pictures(_folder)["a.png"]
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"set/{number}.png", image)
    with tarfile.open(fileobj=tarred, mode="w:gz") as tar:
        for number in range(3):
            member = tarfile.TarInfo(f"set/{number}.png")
            member.size = len(image)
            tar.addfile(member, io.BytesIO(image))
    return {"a.zip": zipped.getvalue(), "a.tgz": tarred.getvalue()}


def trained(_folder: Path) -> Mapping[str, bytes]:
    return {"weights.safetensors": save({"w": torch.arange(60.0), "b": torch.ones(3)})}


def foreign(folder: Path) -> Mapping[str, bytes]:
    network = kair(1, 4, 3, normalised=True)
    torch.save(network.state_dict(), folder / "a.pth")
    torch.save({"state_dict": network.state_dict()}, folder / "b.pth")
    torch.save(network.state_dict(), folder / "old.pth", _use_new_zipfile_serialization=False)
    wrapped = {f"net._orig_mod.{name}": one for name, one in network.state_dict().items()}
    checkpoint = {"epoch": 3, "options": Namespace(lr=1e-3), "state_dict": wrapped}
    torch.save(checkpoint, folder / "c.ckpt")
    torch.save(checkpoint, folder / "old.ckpt", _use_new_zipfile_serialization=False)
    (folder / "a.safetensors").write_bytes(save(dict(network.state_dict())))
    write_version_5(folder / "five.mat", {"net": simplenn(network)})
    write_version_7_3(folder / "seven.mat", {"net": simplenn(network)})
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def presets(_folder: Path) -> Mapping[str, bytes]:
    folder = ROOT / "pipeline/checking/presets"
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.yaml"))}


# ------------------------------------------------------------------------------ readers


def unpacked(path: Path) -> object:
    out = path.parent / f"unpacked-{time.time_ns()}"
    return unpack(path, (Members("clean", r"set/(\w+)\.png", r"\1"),), out)


def with_a_card_of_its_own(path: Path) -> object:
    """Read weights whose card was made after the damage: nothing but the format can tell."""
    card = {"weights_sha256": sha256(path.read_bytes()).hexdigest()}
    path.with_name("card.json").write_text(json.dumps(card))
    return read_weights(path)


KINDS = {
    "params.yaml": Kind(presets, load_params, text=True),
    "images of data sets": Kind(pictures, lambda path: (image_size(path), read_image(path))),
    "photographs": Kind(pictures, lambda path: (picture_size(path), read_picture(path))),
    "archives": Kind(archives, unpacked),
    "weights": Kind(trained, with_a_card_of_its_own),
    "published weights": Kind(foreign, lambda path: read_network(path, None)),
}


# ------------------------------------------------------------------------------- damage


def damaged(content: bytes, chance: random.Random, *, text: bool) -> bytes:
    """Return a file with one to three kinds of damage."""
    ways = [_flipped, _cut, _repeated, _zeroed, _overwritten, _inserted]
    if text:
        ways += [_other_value] * 6 + [_without_line, _moved_line] * 2
    for _ in range(chance.randint(1, 3)):
        content = chance.choice(ways)(content, chance)
    return content


def _piece(content: bytes, chance: random.Random) -> tuple[int, int]:
    begin = chance.randrange(len(content) + 1)
    return begin, min(len(content), begin + chance.choice((1, 2, 4, 16, 200, 4000)))


def _flipped(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 8, 64)) if content else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _repeated(content: bytes, chance: random.Random) -> bytes:
    begin, end = _piece(content, chance)
    return content[:end] + content[begin:end] * chance.choice((1, 3, 50)) + content[end:]


def _zeroed(content: bytes, chance: random.Random) -> bytes:
    begin, end = _piece(content, chance)
    return content[:begin] + bytes(end - begin) + content[end:]


def _overwritten(content: bytes, chance: random.Random) -> bytes:
    begin, end = _piece(content, chance)
    return content[:begin] + chance.randbytes(end - begin) + content[end:]


def _inserted(content: bytes, chance: random.Random) -> bytes:
    begin, end = _piece(content, chance)
    return content[:begin] + chance.randbytes(end - begin) + content[begin:]


def _other_value(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    at = chance.randrange(len(lines))
    key = re.match(rb"\s*[^:#]*:\s?", lines[at])
    lines[at] = (key[0] if key else b"") + chance.choice(HOSTILE).encode()
    return b"\n".join(lines)


def _without_line(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    del lines[chance.randrange(len(lines))]
    return b"\n".join(lines)


def _moved_line(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    line = lines.pop(chance.randrange(len(lines)))
    lines.insert(chance.randrange(len(lines) + 1), line)
    return b"\n".join(lines)


# -------------------------------------------------------------------------------- tests


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_refused_in_a_sentence_and_soon(
    kind: str, tmp_path: Path
) -> None:
    one = KINDS[kind]
    (tmp_path / "sound").mkdir()
    sound = sorted(one.sound(tmp_path / "sound").items())
    for name, content in sound:
        (tmp_path / name).write_bytes(content)
        one.read(tmp_path / name)
    found = []

    for number in range(INPUTS):
        chance = random.Random(f"{kind} {number}")  # noqa: S311  (nothing to keep secret)
        name, content = chance.choice(sound)
        path = tmp_path / name
        path.write_bytes(damaged(content, chance, text=one.text))
        begun = time.monotonic()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                one.read(path)
        except FORESEEN as error:
            if not str(error) or isinstance(error, UnicodeError):
                found.append(f"{number} {name}: {error!r}")
        except Exception as error:  # whatever is not foreseen is what is looked for
            found.append(f"{number} {name}: {error!r}"[:300])
        if time.monotonic() - begun > LONGEST:
            found.append(f"{number} {name}: {time.monotonic() - begun:.0f} s")

    assert found == []


def test_a_damaged_checkpoint_is_never_taken_for_a_whole_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    checkpoint = CheckpointFile(tmp_path / "checkpoints", "digest")
    for step in (1, 2):
        checkpoint.save({"step": step, "w": torch.full((50,), float(step))})
    whole, before = checkpoint.path.read_bytes(), checkpoint.before.read_bytes()

    for number in range(INPUTS):
        chance = random.Random(f"checkpoint {number}")  # noqa: S311  (nothing to keep secret)
        hurt = damaged(whole, chance, text=False)
        checkpoint.path.write_bytes(hurt)
        checkpoint.before.write_bytes(before)

        state = checkpoint.load(torch.device("cpu"))

        step = 2 if hurt == whole else 1
        assert state is not None, number
        assert state["step"] == step, number
        assert torch.equal(state["w"], torch.full((50,), float(step))), number
    assert "is damaged, now" in capfd.readouterr().err
