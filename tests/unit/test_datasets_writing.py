import hashlib
from pathlib import Path

from tests.unit.image_sets import fetch_folder, write_image


def test_table_lists_every_file_with_its_checksum(tmp_path: Path) -> None:
    image = write_image(tmp_path / "mine" / "grün.png").read_bytes()

    out = fetch_folder(tmp_path / "mine", tmp_path / "out")

    digest = hashlib.sha256(image).hexdigest()
    assert (out / "images.csv").read_text("utf-8") == (
        f"image,role,file,bytes,sha256\ngrün,clean,clean/grün.png,{len(image)},{digest}\n"
    )


def test_copies_are_new_files(tmp_path: Path) -> None:
    original = write_image(tmp_path / "mine" / "a.png")
    original.chmod(0o444)

    out = fetch_folder(tmp_path / "mine", tmp_path / "out")

    copy = out / "clean" / "a.png"
    assert not copy.is_symlink()
    assert copy.stat().st_nlink == 1
    assert copy.stat().st_ino != original.stat().st_ino
    assert copy.stat().st_mode & 0o200
