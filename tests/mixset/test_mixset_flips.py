"""A bit flipped in any file that the store reads is found, or changes nothing that is read.

The short form draws some bits of each file, the slow one many; `python tests/mixset/test_mixset_flips.py COUNT SEED`
prints how many of how many were found.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from mixset import InputError, MixingPool, MixingSet, ShardWriter
from mixset._store import manifest
from mixset._store.output import begin
from mixset._store.shards import read_info, read_params, read_record, verify

RECIPE = {"name": "noise", "seed": 5}


class Subject(NamedTuple):
    """A file, and how it is read: everything that the reading gives, for comparison."""

    path: Path
    read: Callable[[], object]


def shard(path: Path, compression: str) -> Path:
    array = np.random.default_rng(0).integers(0, 4, (4, 12, 12, 3), np.uint8)
    with ShardWriter(
        path, family="noise", recipe=RECIPE, start_index=0, shape=(12, 12), count=4, compression=compression
    ) as writer:
        for index, image in enumerate(array):
            writer.add(image, 2**64 - 1 - index, {"index": index})
    return path


def subjects(folder: Path) -> dict[str, Subject]:
    """Every kind of file that the store reads."""
    made = {}
    for compression in ("none", "gzip"):
        path = shard(folder / compression / "noise-00000.h5", compression)

        def content(path: Path = path) -> object:
            info = verify(path)
            records = [read_record(path, index) for index in range(info.count)]
            seen = [(one.image.tobytes(), one.seed, one.params) for one in records]
            return vars(info), seen, read_params(path), [one.tobytes() for one in MixingSet(path)]

        made[f"shard, {compression}"] = Subject(path, content)
    finished = folder / "none"
    manifest.write(finished, RECIPE, [manifest.entry(read_info(finished / "noise-00000.h5"))])

    def listed() -> object:
        return manifest.read(finished), [one.tobytes() for one in MixingSet(finished)]

    made["mixset.json"] = Subject(finished / manifest.NAME, listed)
    begun = folder / "begun"
    begin(begun, RECIPE, 4)
    kept = (begun / manifest.UNFINISHED).read_bytes()

    def resumed() -> object:
        begin(begun, RECIPE, 4)
        again = (begun / manifest.UNFINISHED).read_bytes()
        return again == kept

    made["unfinished.json"] = Subject(begun / manifest.UNFINISHED, resumed)
    images = MixingSet(folder / "gzip")

    def pool() -> object:
        found = MixingPool(images, 8, cache=folder / "cache", quiet=True)
        return found.images.shape, found.images.tobytes()

    pool()
    made["pool"] = Subject(next((folder / "cache").glob("*.npy")), pool)
    return made


def flips(subject: Subject, count: int, seed: int, name: str) -> Iterator[str]:
    """What became of each of `count` bits drawn at random: "found" or "without effect"; AssertionError where used."""
    whole = subject.path.read_bytes()
    expected = subject.read()
    assert subject.path.read_bytes() == whole
    for index in np.random.default_rng(seed).choice(len(whole) * 8, min(count, len(whole) * 8), replace=False):
        damaged = bytearray(whole)
        damaged[index >> 3] ^= 1 << (index & 7)
        subject.path.write_bytes(damaged)
        try:
            found = subject.read()
        except InputError as error:
            assert "\n" not in str(error)
            yield "refused"
        else:
            assert found == expected, f"bit {index & 7} of byte {index >> 3} of {name} was used"
            yield "made again" if subject.path.read_bytes() == whole else "without effect"
        subject.path.write_bytes(whole)


def report(count: int, seed: int) -> dict[str, Counter[str]]:
    """The counts of each kind of file."""
    folder = Path(tempfile.mkdtemp())
    try:
        made = subjects(folder)
        with contextlib.redirect_stderr(io.StringIO()):  # a pool says each time that it is made again
            return {name: Counter(flips(one, count, seed, name)) for name, one in made.items()}
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("count", [40, pytest.param(2_000, marks=pytest.mark.slow)])
def test_no_flipped_bit_is_used(count: int) -> None:
    told = report(count, seed=count)
    assert set(told) == {"shard, none", "shard, gzip", "mixset.json", "unfinished.json", "pool"}
    for name, outcomes in told.items():
        assert sum(outcomes.values()) == count or name == "unfinished.json"
        assert outcomes["refused"] + outcomes["made again"] > 0.5 * sum(outcomes.values())
    assert told["pool"] == {"made again": count}
    assert set(told["mixset.json"]) == {"refused"}


if __name__ == "__main__":
    for name, outcomes in report(int(sys.argv[1]), int(sys.argv[2])).items():
        print(f"{name}: {sum(outcomes.values()):,} bits: {dict(outcomes)}")
