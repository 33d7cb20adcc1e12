"""Corruptions that live outside the package: named, registered, made by several processes, and read back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mixset._common import named
from mixset._common.errors import InputError
from pixmix.corruptions import SUITES, C, Corruption, Source, corrupt, draws_nothing, register_corruption
from pixmix.readers import CorruptedSet

CODE = """
import numpy as np
from pixmix.corruptions import C, Corruption, to_bytes

def draw(stream, size, strength):
    return {"shift": float(stream.uniform())}

def apply(image, strength, fields):
    return to_bytes(image + strength + fields["shift"])

LIGHTER = Corruption(name="lighter", small=(1, 2, 3, 4, 5), large=(10, 20, 30, 40, 50), draw=draw, apply=apply)
FOG = Corruption(name="fog", small=(1,) * 5, large=(1,) * 5, draw=draw, apply=apply)
SPACED = Corruption(name="a b", small=(1,) * 5, large=(1,) * 5, draw=draw, apply=apply)
SAME = Corruption(name="same", number=C["fog"].number, small=(1,) * 5, large=(1,) * 5, draw=draw, apply=apply)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with the user's code; suites are as they were afterwards."""
    (tmp_path / "mylight.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(named, "_loaded", {})
    before = {name: dict(suite) for name, suite in SUITES.items()}
    yield tmp_path
    for name, suite in before.items():
        SUITES[name].clear()
        SUITES[name].update(suite)
    for name in [name for name in sys.modules if name.startswith("mylight")]:
        del sys.modules[name]


@pytest.fixture
def source() -> Source:
    images = np.random.default_rng(0).integers(0, 200, (600, 8, 8, 3), np.uint8)
    return Source(name="noise", size=8, labels=np.arange(600) % 3, array=images)


def test_made_alike_by_any_number_of_processes_and_read_without_its_code(here: Path, source: Source) -> None:
    for workers in (1, 2):
        corrupt(source, here / f"by-{workers}", corruptions=("mylight.py:LIGHTER",), workers=workers, quiet=True)
    one, two = ((here / f"by-{workers}" / "lighter.npy").read_bytes() for workers in (1, 2))
    assert one == two
    lighter = named.find("corruption", "mylight.py:LIGHTER")
    del SUITES["c"]["lighter"]
    opened = CorruptedSet(here / "by-1", "c")
    assert (opened.corruptions, opened.extra, opened.problems) == ((), ("lighter",), ())
    images, labels = opened.images("lighter", 4)
    np.testing.assert_array_equal(labels, source.labels)
    np.testing.assert_array_equal(images[7], lighter(source.array[7], severity=4, seed=0, index=7))
    rises = images.astype(int) - source.array
    assert rises.min() == rises.max() == 4
    assert "mylight" not in json.dumps(opened.source)


def test_beside_the_benchmarks_it_counts_for_nothing(here: Path, source: Source) -> None:
    names = ("brightness", "mylight.py:LIGHTER", "mylight.py:LIGHTER", "lighter")
    corrupt(source.part(0, 20), here / "set", corruptions=names, workers=1, quiet=True)
    with pytest.raises(InputError, match="gaussian_noise: missing"):
        CorruptedSet(here / "set", "c")
    opened = CorruptedSet(here / "set", "c", partial=True)
    assert (opened.corruptions, opened.extra) == (("brightness",), ("lighter",))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lighter", "corruptions lighter: not in suite c, .*; one of your own is named module:function or FILE.py"),
        ("mylight.py:FOG", "corruption fog: fog has the same name or number; take another"),
        ("mylight.py:SAME", "corruption same: fog has the same name or number"),
        ("mylight.py:SPACED", "corruption 'a b': cannot be a file's name"),
        ("mylight.py:draw", "suite c: has corruptions of the class Corruption, got <function draw"),
        ("mylight.py:absent", r"corruption mylight\.py:absent: cannot be imported"),
    ],
)
def test_what_is_no_corruption_is_one_line(here: Path, source: Source, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        corrupt(source, here / "set", corruptions=(name,), workers=1, quiet=True)
    assert not (here / "set").exists()


def test_numbers_follow_from_names_and_stay(here: Path) -> None:
    """A stream's number is part of what the corruption draws: one that changed would change images."""

    def own(name: str) -> Corruption:
        return Corruption(name=name, small=(1,) * 5, large=(1,) * 5, draw=draws_nothing, apply=lambda image, *_: image)

    assert [own(name).number for name in ("lighter", "lines")] == [NUMBERS["lighter"], NUMBERS["lines"]]
    assert all(number > max(corruption.number for corruption in C.values()) for number in NUMBERS.values())
    assert register_corruption("c", own("lines")) is SUITES["c"]["lines"]
    with pytest.raises(InputError, match="suite p: has corruptions of the class Perturbation"):
        register_corruption("p", own("lines"))
    with pytest.raises(InputError, match="suite x: unknown; the suites are c, cbar, p"):
        register_corruption("x", own("lines"))


NUMBERS = {"lighter": 511220914, "lines": 520195222}
