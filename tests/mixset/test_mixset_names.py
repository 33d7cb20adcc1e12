"""What a set from elsewhere says is data: its names lead nowhere else, its claims are compared with its bytes."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from mixset_samples import MakeSet, noise

from mixset import DamagedImage, InputError, MixingSet, ShardWriter
from mixset._common.decoding import decode
from mixset._common.jsons import parse_json
from mixset._common.plain_names import plain_name
from mixset._common.regular import check_regular, open_regular
from mixset._store import manifest
from mixset._store.check import check
from mixset._store.exporting import export_images
from mixset._store.shards import read_info
from mixset._store.sources import open_source

ODD_NAMES = (
    "",
    ".",
    "..",
    "../a.h5",
    "/etc/a.h5",
    "a/b.h5",
    "a\\b.h5",
    ".a.h5",
    "a\x1b[31m.h5",
    "a\n.h5",
    "a" * 300,
    5,
)


def change(folder: Path, what: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads((folder / manifest.NAME).read_text())
    del values["sha256"]  # whoever changes a set can make its hash
    what(values)
    (folder / manifest.NAME).write_text(json.dumps(values))


@pytest.mark.parametrize("name", [*ODD_NAMES, None, ["a"], "\udcff.h5"])
@pytest.mark.parametrize("field", ["name", "family"])
def test_names_in_the_list_are_plain(make_set: MakeSet, tmp_path: Path, name: object, field: str) -> None:
    folder = make_set("a", noise(4))
    victim = tmp_path / "a.h5"
    victim.write_text("years of work")
    change(folder, lambda values: values["shards"][0].update({field: name}))
    for use in (
        MixingSet,
        lambda folder: check(folder, quiet=True),
        lambda folder: check(folder, remake=lambda *_: pytest.fail("made"), quiet=True),
    ):
        with pytest.raises(DamagedImage, match=r"mixset\.json is damaged \(.*name.*delete it and run"):
            use(folder)
    assert victim.read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.h5"]


@pytest.mark.parametrize("family", [name for name in ODD_NAMES if isinstance(name, str)])
def test_families_are_plain_wherever_they_stand(tmp_path: Path, family: str) -> None:
    with pytest.raises(InputError, match="name"):
        ShardWriter(tmp_path / "s" / "a.h5", family=family, recipe={}, start_index=0, shape=(8, 8), count=1)
    path = tmp_path / "s" / "x.h5"
    with ShardWriter(path, family="x", recipe={}, start_index=0, shape=(8, 8), count=1) as writer:
        writer.add(noise(1, (8, 8))[0], 0, {})
    assert read_info(path).family == "x"
    with h5py.File(path, "r+") as file:
        file.attrs["family"] = family
    with pytest.raises(DamagedImage, match=r"x\.h5 is damaged \(.*name"):
        export_images(MixingSet(path.parent), tmp_path / "out", quiet=True)
    assert [one.name for one in tmp_path.iterdir()] == ["s"]


def test_plain_names_are_taken() -> None:
    for name in ("fractals", "fractals-00007.h5", "Bäume und 木", "a.b", "-x"):
        assert plain_name(name) == name


@pytest.mark.parametrize(
    "what",
    [
        lambda values: values["shards"][0].update(count="4"),
        lambda values: values["shards"][0].update(count=-4),
        lambda values: values["shards"][0].update(count=True),
        lambda values: values["shards"][0].update(count=4.0),
        lambda values: values["shards"][0].update(start_index=10**400),
        lambda values: values["shards"][0].update(sha256="x"),
        lambda values: values["shards"][0].update(content_hash=7),
        lambda values: values["shards"][0].update(compression=["none"]),
        lambda values: values["shards"][0].update(colour="red"),
        lambda values: values["shards"][0].pop("family"),
        lambda values: values["shards"].append(values["shards"][0]) or values.update(count=8),
        lambda values: values.update(shards={"a": 1}),
        lambda values: values.update(shards=7),
        lambda values: values.update(shards=["noise-00000.h5"]),
        lambda values: values.update(recipe=[1]),
        lambda values: values.update(recipe={"x": float("nan")}),
        lambda values: values.update(versions=["1"]),
        lambda values: values.update(versions={"numpy": 2}),
        lambda values: values.update(left_out=[["a"]]),
        lambda values: values.update(left_out=[["a", 5]]),
        lambda values: values.update(count="4"),
        lambda values: values.update(format_version="1"),
        lambda values: values.update(format_version=0),
        lambda values: values.update(format=["mixset"]),
        lambda values: values.pop("recipe"),
    ],
)
def test_types_in_the_list_are_checked(make_set: MakeSet, what: Callable[[dict[str, Any]], object]) -> None:
    folder = make_set("a", noise(4))
    assert len(MixingSet(folder)) == 4
    change(folder, what)
    with pytest.raises(DamagedImage, match=r"mixset\.json is damaged") as caught:
        MixingSet(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 100_000, "[" * 100 + "]" * 100, "{", "[1]", "", "\xff", '{"a": 1e999}', "1" * 5000],
)
def test_json_that_is_none_or_deep(make_set: MakeSet, text: str) -> None:
    folder = make_set("a", noise(4))
    (folder / manifest.NAME).write_text(text, "latin-1")
    with pytest.raises(DamagedImage, match=r"mixset\.json is damaged"):
        MixingSet(folder)
    assert parse_json("[" * 60 + "]" * 60)


def test_lists_have_a_limit(make_set: MakeSet) -> None:
    folder = make_set("a", noise(4))
    with open(folder / manifest.NAME, "r+b") as file:
        file.truncate(10 << 30)
    with pytest.raises(InputError, match=r"mixset\.json is larger than 256 MiB"):
        MixingSet(folder)


def claim(path: Path, count: int, **options: Any) -> None:
    """A shard of a few kB that claims `count` images, of which none is stored."""
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        shape = (count, 256, 256, 3)
        file.create_dataset("images", shape, "u1", chunks=(1, 256, 256, 3), **{"fletcher32": True, **options})
        for name, kind in (("seed", "u8"), ("params", "S2")):
            file.create_dataset(name, (count,), kind, chunks=(min(count, 1 << 20),), fletcher32=True)
        for name, value in {
            "format": "mixset",
            "format_version": 1,
            "family": "x",
            "recipe": "{}",
            "start_index": 0,
            "content_hash": "0" * 64,
        }.items():
            file.attrs[name] = value


@pytest.mark.parametrize(
    "options", [{}, {"fletcher32": False}, {"compression": "gzip"}, {"compression": "lzf"}, {"shuffle": True}]
)
@pytest.mark.parametrize("count", [10**9, 1000])
def test_a_shard_that_claims_more_than_it_has(tmp_path: Path, count: int, options: dict[str, Any]) -> None:
    claim(tmp_path / "x-00000.h5", count, **options)
    assert (tmp_path / "x-00000.h5").stat().st_size < 100_000
    for use in (MixingSet, lambda folder: MixingSet(folder / "x-00000.h5")):
        with pytest.raises(DamagedImage, match=r"x-00000\.h5 is damaged \(.*(claims|checksum|disagree)"):
            use(tmp_path)
    assert len(check(tmp_path, quiet=True).damage) == 1


def test_a_bomb_within_its_claim_is_read_and_one_beyond_is_not(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with ShardWriter(
        path, family="x", recipe={}, start_index=0, shape=(1024, 1024), count=2, compression="gzip"
    ) as writer:
        for index in range(2):
            writer.add(np.zeros((1024, 1024, 3), np.uint8), index, {})
    assert path.stat().st_size < 60_000
    assert MixingSet(path)[1].shape == (1024, 1024, 3)
    with pytest.raises(InputError, match="larger than 134,217,728"):
        ShardWriter(path, family="x", recipe={}, start_index=0, shape=(1 << 20, 1 << 10), count=2)


def test_datasets_that_lie_elsewhere_are_refused(tmp_path: Path, make_set: MakeSet) -> None:
    """HDF5 follows names of other files: links, raw bytes outside, virtual datasets."""
    whole = make_set("a", noise(4)) / "noise-00000.h5"
    (tmp_path / "secret").write_bytes(bytes(4 * 16 * 16 * 3))

    def outside(file: h5py.File) -> None:
        file.create_dataset("images", (4, 16, 16, 3), "u1", external=[(str(tmp_path / "secret"), 0, 4 * 768)])

    def linked(file: h5py.File) -> None:
        file["images"] = h5py.ExternalLink(whole, "images")

    def soft(file: h5py.File) -> None:
        file["images"] = h5py.SoftLink("/seed")

    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((4, 16, 16, 3), "u1")
        layout[:] = h5py.VirtualSource(whole, "images", (4, 16, 16, 3))
        file.create_virtual_dataset("images", layout)

    for number, plant in enumerate((outside, linked, soft, virtual)):
        path = tmp_path / f"x{number}.h5"
        path.write_bytes(whole.read_bytes())
        with h5py.File(path, "r+") as file:
            del file["images"]
            plant(file)
        with pytest.raises(DamagedImage, match="images is not a dataset of its own"):
            MixingSet(path)


@pytest.mark.parametrize(
    ("shape", "words"),
    [((0, 8), "0 is not"), ((8,), "height, width"), ((8, -1), "-1 is not"), ("ab", "'a'")],
)
def test_the_writer_takes_no_other_shapes(tmp_path: Path, shape: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ShardWriter(tmp_path / "a.h5", family="x", recipe={}, start_index=0, shape=shape, count=1)
    for other in ({"count": -1}, {"start_index": -1}, {"count": 2**70}, {"start_index": "0"}):
        with pytest.raises(InputError, match="is not a whole number"):
            ShardWriter(
                tmp_path / "a.h5",
                **{"family": "x", "recipe": {}, "start_index": 0, "shape": (8, 8), "count": 1, **other},
            )


def special(folder: Path, kind: str, name: str) -> Path:
    """A pipe, a socket or a link to an endless device under `name`."""
    path = folder / name
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))
    else:
        path.symlink_to("/dev/zero")
    return path


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_only_regular_files_are_opened(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path may have 107 bytes
    words = f"is not a regular file but a {kind}"
    for name in ("a.h5", "a.npy", "a.tar", "a.png", "mixset.json"):
        special(Path(), kind, name)
        for open_one in (check_regular, open_regular):
            with pytest.raises(InputError, match=f"{name} {words}"):
                open_one(name)
    with pytest.raises(InputError, match=words):
        read_info("a.h5")
    for name in ("a.npy", "a.tar"):
        with pytest.raises(InputError, match=words):
            open_source(Path(name))
    with pytest.raises(InputError, match=words):
        decode("a.png")
    with pytest.raises(InputError, match=words):
        MixingSet(".")
    Path("mixset.json").unlink()
    with pytest.raises(InputError, match=words):
        MixingSet(".")


def test_what_is_said_of_a_set_is_escaped(tmp_path: Path) -> None:
    odd = "a\x1b[2J\x07"
    path = tmp_path / odd / "x-00000.h5"
    with ShardWriter(path, family="x", recipe={odd: odd}, start_index=0, shape=(8, 8), count=1) as writer:
        writer.add(noise(1, (8, 8))[0], 0, {"shows": odd})
    images = MixingSet(path.parent)
    said = [images.describe(), *images.details(), *images.caption(0), repr(images)]
    assert all("\x1b" not in one and "\x07" not in one for one in said)
    assert sum("\\x1b[2J" in one for one in said) == 4


def test_a_linked_shard_is_read_and_a_repair_replaces_the_link(make_set: MakeSet, tmp_path: Path) -> None:
    array = noise(8)
    folder = make_set("a", array)
    there = tmp_path / "elsewhere.h5"
    (folder / "noise-00001.h5").rename(there)
    (folder / "noise-00001.h5").symlink_to(there)
    assert not check(folder, quiet=True).damage
    there.write_text("something else")
    made = check(folder, remake=lambda *_: ((array[i], i, {"index": i}) for i in range(4, 8)), quiet=True)
    assert len(made.repaired) == 1
    assert there.read_text() == "something else"
    assert not (folder / "noise-00001.h5").is_symlink()
