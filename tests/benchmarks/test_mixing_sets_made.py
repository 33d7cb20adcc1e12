"""The benchmark's mixing sets: which there are, and that each is made once and as it says."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import mixing_sets_made
import numpy as np
import pytest
from evidence_samples import write_images
from mixing_sets_made import Maker, Source, blend, command, families, picked, sizes
from PIL import Image

from mixset import MixingSet
from mixset._common.errors import InputError
from mixset._store.importing import import_images


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "cache"))
    made = Maker(tmp_path / "sets", 5, "run:nowhere", 4, ["cpu", "cpu"])
    yield made
    made.close()


def write_set(folder: Path, count: int, seed: int, side: int = 16) -> Path:
    images = np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)
    folder.parent.mkdir(exist_ok=True)
    array = folder.with_name(f"{folder.name}-source.npy")
    np.save(array, images)
    import_images(array, folder, workers=1, quiet=True)
    return folder


def test_there_are_twelve_families_and_each_size_scaled_both_ways() -> None:
    rows = families({"photographs": Path("p.tar")}, visualised=True)
    assert len(rows) == 15 and [row.name for row in rows[-4:]] == ["blend", "photographs", "fvis", "fvis-maco"]
    assert rows[1].words == ("make", "fractals", "--style", "attractors", "--size", "64")
    assert [row.name for row in rows if row.near_cbar] == [
        *("plasma", "moire", "moire-classic", "visualatom", "visualatom-classic"),
    ]
    assert not any("classic" in one.name for one in rows[11].of) and len(rows[11].of) == 9
    names = [row.name for row in sizes()]
    assert len(names) == len({*names}) == 20
    assert {name for name in names if "moire" in name} == {
        *("moire", "moire-36", "moire-256", "moire-64-picked", "moire-256-picked"),
    }
    # Both tables mean the same set by one name.
    assert {row.name: row for row in rows}["programs"] == {row.name: row for row in sizes()}["programs"]


def test_pixels_are_picked_from_the_middle(tmp_path: Path) -> None:
    values = np.arange(72 * 72, dtype=np.uint32).reshape(72, 72)
    image = np.stack([values % 256, values // 256, values * 0], axis=2).astype(np.uint8)
    (tmp_path / "set").mkdir()
    Image.fromarray(image).save(tmp_path / "set" / "0.png")
    found = picked(MixingSet(tmp_path / "set"), 3)
    assert found.shape == (1, 36, 36, 3)
    assert np.array_equal(found[0], image[1::2, 1::2])


def test_a_blend_takes_from_each_in_turn(tmp_path: Path) -> None:
    sets = [MixingSet(write_set(tmp_path / name, 4, seed)) for seed, name in enumerate("abc")]
    found = blend(sets, 5)
    expected = [sets[0][0], sets[1][0], sets[2][0], sets[0][1], sets[1][1]]
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


def test_images_from_elsewhere_are_scaled_and_sets_are_taken_as_they_are(maker: Maker, tmp_path: Path) -> None:
    write_images(tmp_path / "photos", 3, 0)
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        tar.add(tmp_path / "photos", "photos")
    ready = write_set(tmp_path / "ready", 2, 1, side=40)
    given = {"folder": tmp_path / "photos", "tar": tmp_path / "photos.tar", "set": ready, "none": tmp_path / "none"}
    maker.begin([Source(name=name, label=name, given=path) for name, path in given.items()])
    assert [maker.there(name)["count"] for name in ("folder", "tar", "set")] == [3, 3, 2]
    assert MixingSet(tmp_path / "sets" / "tar")[0].shape == (64, 64, 3)
    assert MixingSet(tmp_path / "sets" / "set")[0].shape == (40, 40, 3)
    assert maker.there("folder")["statistics"] == maker.there("tar")["statistics"]
    with pytest.raises(InputError, match="--given none="):
        maker.there("none")
    before = maker.there("tar")
    maker.begun.clear()
    maker.begin([Source(name=name, label=name, given=given[name]) for name in ("tar", "set")])
    assert maker.there("set")["content"] == MixingSet(ready).content_hash() and maker.there("tar") == before


def test_what_a_set_is_made_from_is_made_first(maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    def make(words: list[str]) -> None:
        told.append(words[:-1])
        write_set(Path(words[-1]), 5, len(told), side=int(words[words.index("--size") + 1]))

    monkeypatch.setattr(mixing_sets_made, "command", make)
    maker.jobs = 1
    sources = {row.name: row for row in (*families({}, visualised=True), *sizes())}
    maker.begin([sources["fractals-64-picked"], sources["fractals"], sources["fvis-maco"]])
    assert maker.there("fractals-64-picked")["count"] == 5
    assert MixingSet(tmp_path / "sets" / "fractals-64-picked")[0].shape == (36, 36, 3)
    assert maker.there("fvis-maco")["label"] == "FVis, MACO"
    fractals, fvis = sorted(told, key=len)
    assert fractals[:6] == ["make", "fractals", "--size", "64", "--count", "5"]
    assert fvis[-6:] == ["--count", "4", "--network", "run:nowhere", "--devices", "cpu"]
    maker.begun.clear()
    maker.count = 3
    maker.begin([sources["fractals-64-picked"]])
    with pytest.raises(InputError, match="holds 5 images, not 3; give another --out"):
        maker.there("fractals-64-picked")


def test_a_command_that_fails_is_told_by_its_last_line() -> None:
    with pytest.raises(InputError, match=r"mixset make nothing: error: .*nothing"):
        command(["make", "nothing"])
