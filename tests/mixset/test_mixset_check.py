"""Check finds every flipped byte, names it, and repairs only to equal content."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from mixset_samples import MakeSet, flip, noise
from PIL import Image

from mixset import InputError
from mixset._store import manifest
from mixset._store.check import Remake, check


def remake_from(array: np.ndarray) -> Remake:
    """A maker of the sets of `make_set`."""

    def remake(folder: Path, entry: manifest.Entry, recipe: dict) -> Iterator[tuple[np.ndarray, int, dict]]:
        for index in range(entry.start_index, entry.start_index + entry.count):
            yield array[index], index, {"index": index}

    return remake


def test_a_whole_set_has_nothing_to_report(make_set: MakeSet) -> None:
    report = check(make_set("a", noise(10)), quiet=True)
    assert report.images == 10
    assert not (report.damage or report.poor or report.notes or report.repaired)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(index=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_bit_flipped_anywhere_is_found_and_repaired(
    make_set: MakeSet, tmp_path: Path, index: float, bit: int
) -> None:
    array = noise(8)
    folder = tmp_path / "a"
    if not folder.exists():  # each example's repair leaves it whole for the next
        make_set("a", array)
    path = folder / "noise-00001.h5"
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[int(index * len(whole))] ^= 1 << bit
    path.write_bytes(damaged)
    report = check(folder, quiet=True)
    assert report.damage
    assert all("noise-00001.h5" in line and "\n" not in line for line in report.damage)
    repaired = check(folder, remake=remake_from(array), quiet=True)
    assert repaired.repaired == report.damage
    assert path.read_bytes() == whole
    assert not check(folder, quiet=True).damage


def test_each_damaged_image_is_named(make_set: MakeSet) -> None:
    array = noise(8)
    folder = make_set("a", array)
    for index in (5, 7):
        flip(folder / "noise-00001.h5", array[index].tobytes())
    lines = check(folder, quiet=True).damage
    assert [line.split(" of shard")[0] for line in lines] == ["image 1", "image 3"]


def test_missing_replaced_and_strange_shards(make_set: MakeSet) -> None:
    folder, other = make_set("a", noise(12)), make_set("b", noise(12, seed=1))
    (folder / "noise-00000.h5").unlink()
    shutil.copy(other / "noise-00001.h5", folder)
    shutil.copy(other / "noise-00001.h5", folder / "noise-00009.h5")
    report = check(folder, quiet=True)
    assert len(report.damage) == 2
    assert "is missing" in report.damage[0]
    assert "is not the one mixset.json lists" in report.damage[1]
    assert "noise-00009.h5 is not listed" in report.notes[0]
    assert report.images == 4


def test_a_repair_with_other_content_is_refused_and_changes_nothing(make_set: MakeSet) -> None:
    array = noise(8)
    folder = make_set("a", array)
    flip(folder / "noise-00001.h5", array[6].tobytes())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(InputError, match="made again differs from what"):
        check(folder, remake=remake_from(noise(8, seed=1)), quiet=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_imported_sets_are_repaired_by_importing(make_set: MakeSet) -> None:
    folder = make_set("a", noise(4))
    listed = manifest.read(folder)
    manifest.write(folder, {"imported": "folder"}, listed.shards)
    (folder / "noise-00000.h5").unlink()
    with pytest.raises(InputError, match="run the import again"):
        check(folder, remake=remake_from(noise(4)), quiet=True)


def test_near_empty_and_duplicate_images(make_set: MakeSet) -> None:
    array = noise(8)
    array[3] = 17
    array[6] = array[1]
    lines = check(make_set("a", array), quiet=True).poor
    assert lines == [
        "image 3 of noise-00000.h5 is near-empty: contrast 0.0 of 255 at 36 pixels",
        "image 2 of noise-00001.h5 is a duplicate of image 1 of noise-00000.h5",
    ]


def test_unfinished_sets_and_image_folders(make_set: MakeSet, tmp_path: Path) -> None:
    folder = make_set("a", noise(8), finish=False)
    (folder / manifest.UNFINISHED).write_text("{}")
    flip(folder / "noise-00000.h5", noise(8)[1].tobytes())
    report = check(folder, quiet=True)
    assert report.notes == ["unfinished: the command that makes it resumes"]
    assert len(report.damage) == 1
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(noise(1)[0]).save(photos / "a.png")
    (photos / "b.png").write_text("x")
    report = check(photos, quiet=True)
    assert (report.images, len(report.damage)) == (1, 1)
    with pytest.raises(InputError, match="is not a folder"):
        check(tmp_path / "none")
