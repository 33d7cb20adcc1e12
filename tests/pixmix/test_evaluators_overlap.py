"""Images of one folder are found in another by their bytes, wherever they lie and whatever they are called."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mixset._common.errors import InputError
from pixmix._evaluators import overlap
from pixmix._evaluators.image_sets import ImageSet
from pixmix._evaluators.overlap import check_apart

COUNT = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Uncompressed images of one length, whose headers and ends are the same."""
    random = np.random.default_rng(0)
    for index in range(COUNT):
        pixels = random.integers(0, 256, (70, 80, 3)).astype(np.uint8)
        pixels[:20] = 255  # what a BMP ends with
        path = tmp_path / "one" / f"n0144{index % 2}764" / f"{index}.bmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return tmp_path / "one"


class Files:
    """A Dataset of large images as training has it: its files are known, and none is opened here."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(folder.rglob("*.bmp"))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return Image.open(self.files[index]), 0


def check(one: Path, other: Path) -> None:
    check_apart("held_out", ImageSet(Files(one)), "test images", ImageSet(Files(other)))


def test_copies_under_other_names_are_found(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    for index, path in enumerate(sorted(folder.rglob("*.bmp"))):
        shutil.copy(path, tmp_path / "two" / f"image-{index}.bmp")
    with pytest.raises(InputError, match="held_out: 30 of its 30 images are among the test images; give others"):
        check(folder, tmp_path / "two")
    with pytest.raises(InputError, match="30 of its 30"):
        check(folder, folder)
    for path in sorted((tmp_path / "two").iterdir())[1:]:
        path.unlink()
    with pytest.raises(InputError, match="held_out: 1 of its 30 images"):
        check(folder, tmp_path / "two")


def test_each_copy_of_a_measured_image_counts(folder: Path, tmp_path: Path) -> None:
    first = min(folder.rglob("*.bmp"))
    (tmp_path / "copies").mkdir()
    (tmp_path / "links").mkdir()
    for index in range(COUNT):
        shutil.copy(first, tmp_path / "copies" / f"copy-{index}.bmp")
        (tmp_path / "links" / f"link-{index}.bmp").symlink_to(first)
    for held_out in ("copies", "links"):
        with pytest.raises(InputError, match="30 of its 30 images are among the test images"):
            check(tmp_path / held_out, folder)
    array = np.zeros((COUNT, 8, 8, 3), np.uint8)
    labels = np.zeros(COUNT, np.int64)
    same, measured = ImageSet((array, labels)), ImageSet((array[:1], labels[:1]))
    with pytest.raises(InputError, match="30 of its 30 images"):
        check_apart("held_out", same, "test images", measured)


def test_images_of_one_length_and_one_end_are_others(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "two")
    for path in (tmp_path / "two").rglob("*.bmp"):
        content = bytearray(path.read_bytes())
        content[200] ^= 1
        path.write_bytes(content)
    check(folder, tmp_path / "two")


def test_only_what_could_be_equal_is_read(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(folder, tmp_path / "two")
    for path in (tmp_path / "two").rglob("*.bmp"):
        path.write_bytes(path.read_bytes() + b"more")
    monkeypatch.setattr(overlap, "open_regular", lambda path: pytest.fail(f"{path} is read"))
    check(folder, tmp_path / "two")
