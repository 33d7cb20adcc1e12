"""The growing contact sheet: what is there, evenly, at any time a whole file, and never worth the job."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_family import TINY, TinyRecipe, render

from mixset import InputError, MixingSet
from mixset.generate import make
from mixset.generate._job import families, preview
from mixset.generate._job.preview import Preview, write_sheet


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(families.FAMILIES, "tiny", TINY)


class Sheets:
    """Stands for `mixset._store.sheet.sheet` and notes what it is to draw."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.drawn: list[tuple[list[np.ndarray], list[str], str]] = []
        whole = preview.sheet

        def draw(images: list[np.ndarray], captions: list[str], *, title: str, tile: int) -> Image.Image:
            self.drawn.append((images, captions, title))
            return whole(images, captions, title=title, tile=tile)

        monkeypatch.setattr(preview, "sheet", draw)


def test_it_grows_with_the_set_and_ends_with_all_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sheets = Sheets(monkeypatch)
    monkeypatch.setattr(preview, "EVERY", 0.0)
    monkeypatch.setattr(preview, "_SHARE", 1e9)
    path = tmp_path / "set" / "preview.png"
    make(TinyRecipe(count=18), tmp_path / "set", workers=1, preview=path, quiet=True)
    assert [title for _, _, title in sheets.drawn] == [
        f"set: {count} of {count} images" for count in (4, 8, 12, 16, 18, 18)
    ]
    images, captions, _ = sheets.drawn[1]
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        np.testing.assert_array_equal(image, render(TinyRecipe(), index)[0])
        assert caption == "\n".join(MixingSet(tmp_path / "set").caption(index)) == f"tiny {index}\nseed {index}"
    with Image.open(path) as page:
        assert page.width > 300
    assert len(MixingSet(tmp_path / "set")) == 18, "a sheet may lie in the folder"
    make(TinyRecipe(count=30), tmp_path / "set", workers=1, preview=path, quiet=True)
    assert sheets.drawn[-1][2] == "set: 30 of 30 images"


def test_images_are_evenly_spread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = make(TinyRecipe(count=188), tmp_path / "set", workers=1, quiet=True)
    sheets = Sheets(monkeypatch)
    make(TinyRecipe(count=192), folder, workers=1, preview=tmp_path / "a.webp", quiet=True)
    assert sheets.drawn[0][2] == "set: 4 of 4 images", "what was there before is drawn, too"
    assert [caption.splitlines()[0] for caption in sheets.drawn[-1][1]] == [f"tiny {4 * i}" for i in range(48)]
    make(TinyRecipe(count=10), folder, workers=1, preview=tmp_path / "b.jpg", quiet=True)
    assert sheets.drawn[-1][2] == "set: 48 of 192 images", "fewer were asked for than are there"


def test_it_is_drawn_at_most_every_five_seconds_and_in_a_twentieth_of_the_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = make(TinyRecipe(count=8), tmp_path / "set", workers=1, quiet=True)
    now, drawn = [100.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    sheet = Preview(tmp_path / "a.png", folder)

    def draw() -> None:
        drawn.append(now[0])
        now[0] += 0.1 if len(drawn) < 3 else 1.0

    monkeypatch.setattr(sheet, "draw", draw)
    while now[0] < 150:
        sheet.add(folder / "tiny-00000.h5")
        now[0] += 0.25
    assert np.diff(drawn) == pytest.approx([5.1, 5.1, 21.0], abs=0.26)


def test_a_sheet_that_fails_on_the_way_does_not_end_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise InputError("cannot write a.png: No space left on device")

    monkeypatch.setattr(preview, "write_sheet", fail)
    with pytest.raises(InputError, match="No space left"):
        make(TinyRecipe(count=8), tmp_path / "set", workers=1, preview=tmp_path / "a.png", quiet=True)
    assert len(MixingSet(tmp_path / "set")) == 8


def test_the_file_is_the_old_one_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(TinyRecipe(count=8), tmp_path / "set", workers=1, quiet=True)
    write_sheet(MixingSet(folder), tmp_path / "a.png", 4, name="set")
    before = (tmp_path / "a.png").read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"cannot write .*a\.png: No space left"):
        write_sheet(MixingSet(folder), tmp_path / "a.png", 8, name="set")
    assert (tmp_path / "a.png").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "set"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.xyz", "no image format has this suffix; use .png or .jpg"),
        ("a", "no image format has this suffix"),
        ("a.cur", "no image format has this suffix"),
        ("folder.png", "folder.png is a folder; name a file in it"),
        ("/proc/a.png", "permission denied|No such file|cannot write"),
    ],
)
def test_what_cannot_be_written_is_said_before_the_work(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match=words):
        make(TinyRecipe(), tmp_path / "set", workers=1, preview=tmp_path / name, quiet=True)
    assert not (tmp_path / "set").exists() or name.startswith("/")
