"""Families that live outside the package: named on the command line, registered in Python, made, extended, repaired."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mixset import MixingSet
from mixset._common import named
from mixset._common.errors import InputError
from mixset.generate import make, register_family
from mixset.generate._command.cli import main
from mixset.generate._job.families import FAMILIES
from mixset.generate._job.own import find_family

CODE = '''
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from mixset.generate import SetRecipe

@dataclass(frozen=True, kw_only=True)
class Dots(SetRecipe):
    """dots of one colour

    And more.
    """
    family: ClassVar[str] = "dots"
    dots: int = 20

    def draw(self, random):
        image = np.zeros((self.size, self.size, 3), np.uint8)
        image[tuple(random.integers(0, self.size, (2, self.dots)))] = random.integers(1, 256, 3)
        return image

class Nameless(Dots):
    family = None

class Taken(Dots):
    family = "plasma"

class Wrong(Dots):
    family = "wrong"
    def draw(self, random):
        return np.zeros((4, 4, 3), np.float32)

class Failing(Dots):
    family = "failing"
    def draw(self, random):
        return {}["colour"]

class NoDraw(SetRecipe):
    family = "no-draw"
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with the user's code; families are forgotten afterwards."""
    (tmp_path / "mydots.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(named, "_loaded", {})
    before = dict(FAMILIES)
    yield tmp_path
    FAMILIES.clear()
    FAMILIES.update(before)
    for name in [name for name in sys.modules if name.startswith("mydots")]:
        del sys.modules[name]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[[str], tuple[int, str]]:
    """A command as it is typed; its exit code and what it said."""

    def called(line: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", line.split())
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capfd.readouterr()
        return code, said.out + said.err

    return called


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.h5"))}


def test_any_number_of_processes_gives_the_same_bytes(here: Path, call: Callable[[str], tuple[int, str]]) -> None:
    """A spawned process imports the file before it draws."""
    FAMILIES["dots"] = find_family("mydots.py:Dots")._replace(shard=4)
    recipe = named.find("family", "mydots.py:Dots")(count=10, size=32, dots=5)
    for workers in (1, 2):
        make(recipe, here / f"by-{workers}", workers=workers, quiet=True)
    assert len(content(here / "by-1")) == 3 and content(here / "by-1") == content(here / "by-2")
    images = MixingSet(here / "by-1")
    assert {int((image > 0).any(axis=2).sum()) for image in images} <= {4, 5}
    assert len({image.tobytes() for image in images}) == 10


def test_flags_are_the_fields_and_files_name_the_family_alone(
    here: Path, call: Callable[[str], tuple[int, str]]
) -> None:
    code, said = call("mixset make mydots.py:Dots --count 3 --size 32 --dots 1 --workers 1 set")
    assert code == 0 and f"family mydots.py:Dots: runs the code in {here / 'mydots.py'}" in said
    assert find_family("dots").summary == "dots of one colour"
    images = MixingSet(here / "set")
    assert [int((image > 0).any(axis=2).sum()) for image in images] == [1, 1, 1]
    whole = content(here / "set")
    assert "mydots" not in (here / "set" / "mixset.json").read_text()
    code, said = call("mixset make mydots.py:Dots --count 5 --size 32 --dots 1 --workers 1 set")
    assert code == 0
    for index, image in enumerate(images):
        np.testing.assert_array_equal(MixingSet(here / "set")[index], image)
    assert whole.keys() == content(here / "set").keys()


def test_a_set_is_repaired_by_the_code_that_the_user_names(here: Path, call: Callable[[str], tuple[int, str]]) -> None:
    call("mixset make mydots.py:Dots --count 3 --size 32 --workers 1 set")
    whole = content(here / "set")
    (path,) = (here / "set").glob("*.h5")
    path.write_bytes(b"damaged")
    del FAMILIES["dots"]
    code, said = call("mixset check set --repair")
    assert code and "family 'dots' is unknown" in said and "name or import the code of one of your own" in said
    assert "--family: belongs to --repair" in call("mixset check set --family mydots.py:Dots")[1]
    code, said = call("mixset check set --repair --family mydots.py:Dots")
    assert code == 0 and content(here / "set") == whole


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mydots.py:absent", r"family mydots\.py:absent: cannot be imported .*no attribute 'absent'"),
        ("mydots.py:CODE", r"cannot be imported"),
        ("mydots.py:np", "is no subclass of mixset.generate.SetRecipe with a method draw"),
        ("mydots.py:NoDraw", "family NoDraw: is no subclass of mixset.generate.SetRecipe with a method draw"),
        ("mydots.py:Nameless", "family Nameless: None is not a name; its attribute family says how it is called"),
        ("mydots.py:Taken", "family Taken: there is a family plasma; take another name"),
    ],
)
def test_what_is_no_family_is_one_line(here: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_family(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Wrong", r"family wrong: draws float32 of shape \(4, 4, 3\); an array \(32, 32, 3\) of uint8 is needed"),
        ("Failing", r"family failing: fails in .*mydots\.py, line \d+ \(KeyError: 'colour'\)"),
    ],
)
def test_what_is_drawn_wrongly_is_one_line(here: Path, name: str, message: str) -> None:
    family = find_family(f"mydots.py:{name}")
    with pytest.raises(InputError, match=message):
        make(family.recipe(count=1, size=32), here / "set", workers=1, quiet=True)


def test_in_python_a_class_is_registered_and_a_module_can_be_loaded_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(here)
    mydots = importlib.import_module("mydots")
    assert register_family(mydots.Dots) is mydots.Dots
    mydots = importlib.reload(mydots)
    register_family(mydots.Dots)
    assert FAMILIES["dots"].recipe is mydots.Dots
    assert len(MixingSet(make(mydots.Dots(count=2, size=32), here / "set", workers=1, quiet=True))) == 2


def test_a_class_of_the_script_that_runs_is_refused_by_more_than_one_process(here: Path) -> None:
    recipe = named.find("family", "mydots.py:Dots")
    register_family(recipe)
    recipe.__module__ = "__main__"
    with pytest.raises(InputError, match=r"Dots is defined in the script that runs, .* give workers=1"):
        make(recipe(count=2, size=32), here / "set", workers=2, quiet=True)
    assert not (here / "set").exists()
