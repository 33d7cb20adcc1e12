"""Large folders are listed once: what the cache keeps is what listing anew gives, whatever has happened since."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mixset._common import warned
from mixset._common.cache import cache_folder
from mixset._common.errors import InputError
from pixmix.readers._classes import Listing, list_labelled
from pixmix.train._data import listings
from pixmix.train._data.labelled import LabelledImages
from pixmix.train._data.listings import list_kept
from pixmix.train._data.paths import Paths


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three classes of empty files, one with a folder in it; long unchanged, and large for these tests."""
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(listings, "KEPT_FROM", 6)
    data = tmp_path / "data"
    for name in ("a", "b", "c/inner", "c/empty"):
        (data / name).mkdir(parents=True)
    for number in range(4):
        for name in ("a", "b", "c", "c/inner"):
            (data / name / f"{number}.jpg").touch()
    long_ago(data)
    return data


def long_ago(root: Path) -> None:
    for folder, _, _ in os.walk(root):
        os.utime(folder, (10**9, 10**9))


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that are listed anew."""
    found: list[Path] = []

    def noted(root: Path, looked_at: Callable[[Path], object]) -> Listing:
        found.append(root)
        return list_labelled(root, looked_at)

    monkeypatch.setattr(listings, "list_labelled", noted)
    return found


def test_a_folder_is_listed_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = counted(monkeypatch)
    first, second = list_kept(root), list_kept(root)
    assert listed == [root]
    assert first == second == list_labelled(root)
    assert list(first) == list(second)
    assert all(isinstance(files, tuple) for files in second.values())


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file more": lambda root: (root / "b" / "9.jpg").touch(),
    "a file less": lambda root: (root / "b" / "0.jpg").unlink(),
    "a file renamed": lambda root: (root / "b" / "0.jpg").rename(root / "b" / "00.jpg"),
    "a file below": lambda root: (root / "c" / "inner" / "9.jpg").touch(),
    "a file in an empty folder": lambda root: (root / "c" / "empty" / "9.jpg").touch(),
    "a class more": lambda root: (root / "d").mkdir(),
    "a class renamed": lambda root: (root / "a").rename(root / "z"),
    "a folder below gone": lambda root: (root / "c" / "empty").rmdir(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen(change: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = list_kept(root)
    listed = counted(monkeypatch)
    CHANGES[change](root)
    after = list_kept(root)
    assert listed == [root]
    assert after == list_labelled(root)
    assert (after == before) == (change == "a folder below gone")


def test_another_folder_in_its_place_is_seen(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with its times."""
    list_kept(root)
    listed = counted(monkeypatch)
    (root / "b").rename(root.parent / "away")
    (root / "b").mkdir()
    for number in range(4):
        (root / "b" / f"other{number}.jpg").touch()
    long_ago(root)
    assert list_kept(root)["b"][0] == "b/other0.jpg"
    assert listed == [root]


def test_a_folder_that_has_just_changed_is_not_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A further change might not show in its time."""
    listed = counted(monkeypatch)
    os.utime(root / "c" / "inner", ns=(time.time_ns(), time.time_ns()))
    list_kept(root)
    list_kept(root)
    assert listed == [root, root]


def test_a_folder_that_changes_meanwhile_is_not_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(root: Path, looked_at: Callable[[Path], object]) -> Listing:
        found = list_labelled(root, looked_at)
        (root / "a" / "9.jpg").touch()
        os.utime(root / "a", (2 * 10**9 // 2 + 1, 10**9 + 1))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(listings, "list_labelled", changed)
        assert len(list_kept(root)["a"]) == 4
    assert len(list_kept(root)["a"]) == 5


def test_what_is_left_out_is_said_each_time(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "b" / "0.xyz").touch()
    long_ago(root)
    for _ in range(2):  # a second time in one process, where it is not printed again
        list_kept(root)
    monkeypatch.setattr(warned, "_printed", set())
    capsys.readouterr()
    list_kept(root)
    assert "1 .xyz" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "of another form", "unsealed"])
def test_a_damaged_listing_is_made_again(damage: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = list_kept(root)
    (kept,) = (cache_folder() / "listings").glob("*.bin")
    content = kept.read_bytes()
    place = content.index(b"a/0.jpg")
    kept.write_bytes(
        {
            "flipped": content[:place] + b"x" + content[place + 1 :],
            "cut": content[:-90],
            "empty": b"",
            "of another form": content.replace(b"listing 1", b"listing 0"),
            "unsealed": content[: content.index(b"\n#sha256:")],
        }[damage]
    )
    listed = counted(monkeypatch)
    assert list_kept(root) == expected
    assert listed == [root]
    assert list_kept(root) == expected
    assert listed == [root]


def test_of_runs_that_start_together_one_lists(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = counted(monkeypatch)
    found: list[Listing] = []
    threads = [threading.Thread(target=lambda: found.append(list_kept(root))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert listed == [root]
    assert found == [list_labelled(root)] * 4


def test_without_a_cache_folders_are_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise InputError("no room")

    monkeypatch.setattr(listings, "write_sealed", full)
    assert list_kept(root) == list_kept(root) == list_labelled(root)


def test_a_small_folder_is_not_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "KEPT_FROM", 100)
    assert list_kept(root) == list_labelled(root)
    assert not (cache_folder() / "listings").exists()
    with pytest.raises(InputError, match="nowhere"):
        list_kept(root / "nowhere")


NAMES = ["a/1.jpg", "b/ü.jpg", "b/" + os.fsdecode(b"\xff.jpg"), "c/two words.jpg", "c/line\nend.jpg"]


def test_paths_are_those_of_a_list() -> None:
    paths, expected = Paths(Path("/data"), NAMES), [Path("/data") / name for name in NAMES]
    assert len(paths) == 5
    assert list(paths) == expected == [paths[number] for number in range(-5, 0)]
    assert list(paths[1:4]) == expected[1:4]
    assert list(paths[::-2]) == expected[::-2]
    assert list(paths[1:][::2].take(np.array([1, 0, 1]))) == [expected[3], expected[1], expected[3]]
    assert paths[np.int64(2)] == expected[2]
    assert list(pickle.loads(pickle.dumps(paths[1:]))) == expected[1:]
    assert list(Paths.of(expected)) == expected
    assert Paths.of(paths) is paths
    assert list(Paths(Path("/data"), [])) == []
    for index in (5, -6):
        with pytest.raises(IndexError):
            paths[index]


def test_paths_take_little_memory() -> None:
    names = [f"n{number // 1300:08d}/n{number // 1300:08d}_{number}.JPEG" for number in range(20_000)]
    images = LabelledImages(np.zeros(20_000, np.int64), 224, files=Paths(Path("/data/train"), names))
    assert isinstance(images.files, Paths)
    parts = (images, images.share(0, 2), images.first(500, "subset"), images.numbered([0]))
    for part in parts:
        assert isinstance(part.files, Paths)
        assert part.files.packed is images.files.packed
    assert images.files.packed.content.nbytes + images.files.packed.ends.nbytes < 55 * 20_000
    assert sys.getsizeof(names[0]) + 8 > 55  # what a name in a list takes
