"""The house stands: imports run along its arrows, and what must be light imports nothing heavy."""

from __future__ import annotations

import shutil
from pathlib import Path

import laws
import pytest

ROOT = Path(__file__).parents[2]


def test_every_folder_is_looked_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in laws.files(ROOT)} == set(laws.FOLDERS)
    assert laws.folder_of("mixset.generate.job") == "generate"
    assert laws.folder_of("mixset.shards") == laws.folder_of("mixset") == "mixset"
    assert laws.folder_of("numpy") is None


def test_imports_run_along_the_arrows() -> None:
    assert laws.wrong_imports(ROOT) == []


def test_what_has_one_home_is_used_from_there() -> None:
    assert laws.strangers(ROOT) == []


@pytest.mark.parametrize(
    ("path", "line", "found"),
    [
        ("mixset/sheet.py", "import torch", "mixset/sheet.py:{} imports torch: mixset is free of torch"),
        ("mixset/sheet.py", "def late():\n    from torchvision import io", "torchvision: mixset is free of torch"),
        ("mixset/pool.py", "import pixmix.draws", "imports pixmix.draws: against the arrows"),
        ("mixset/pool.py", "from mixset.generate import make", "imports mixset.generate: against the arrows"),
        ("generate/job.py", "from pixmix import draws", "imports pixmix: against the arrows"),
        ("pixmix/measures/ranks.py", "import pixmix.train.loop", "imports pixmix.train.loop: against the arrows"),
        ("pixmix/draws.py", "from pixmix import train", "imports pixmix.train: against the arrows"),
        ("pixmix/draws.py", "import mixset.generate", "imports mixset.generate: against the arrows"),
        ("pixmix/draws.py", "from pixmix.settings import X", "inside a folder imports are relative"),
        ("train/loop.py", "from ..draws import X", "imports ..draws: a relative import leaves its folder"),
        (
            "train/loop.py",
            "import os; os.sched_getaffinity(0)",
            "train/loop.py uses sched_getaffinity: mixset/cores.py",
        ),
        ("pixmix/draws.py", "from numba import njit", "pixmix/draws.py uses njit: mixset/kernels.py"),
        ("pixmix/draws.py", "import numba\n@numba.njit\ndef f(): pass", "pixmix/draws.py uses njit: mixset/kernels.py"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, path: str, line: str, found: str) -> None:
    """In a copy of a file, alone in its tree so that the others need not be read again."""
    text = (ROOT / path).read_text()
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(text)
    assert laws.wrong_imports(tmp_path) + laws.strangers(tmp_path) == []
    (tmp_path / path).write_text(f"{text}\n{line}\n")
    told = laws.wrong_imports(tmp_path) + laws.strangers(tmp_path)
    place = len(text.splitlines()) + 2
    assert any(found.format(place) in one for one in told), told


def test_a_planted_heavy_import_is_found(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "mixset", tmp_path / "mixset", ignore=shutil.ignore_patterns("__pycache__"))
    assert laws.heavy_imports(["mixset.lazy"], ["numpy", "PIL"], tmp_path) == []
    (tmp_path / "mixset" / "lazy.py").write_text((tmp_path / "mixset" / "lazy.py").read_text() + "\nimport numpy\n")
    assert laws.heavy_imports(["mixset.lazy"], ["numpy", "PIL"], tmp_path) == ["numpy"]


LIGHT = ("pixmix.measures", "pixmix.corruptions", "pixmix.readers")
FRACTALS = [f"mixset.generate.{name}" for name in ("fractals.pictures", "job", "defaults", "commands")]


def modules(folder: str) -> list[str]:
    """The import names of a folder's modules, commands' entry points left out."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT / folder).with_suffix("").parts
        if parts[-1] != "__main__":
            found.append(".".join((laws.FOLDERS[folder], *(part for part in parts if part != "__init__"))))
    return found


@pytest.mark.parametrize(
    ("names", "forbidden"),
    [
        (["mixset", "mixset.generate", "pixmix"], ["torch", "numpy", "h5py", "PIL", "numba"]),
        (["pixmix.train", "pixmix.train.cli", "mixset.generate.cli"], ["torch", "numpy", "h5py", "PIL", "numba"]),
        ([*modules("mixset"), *FRACTALS], ["torch", "torchvision", "sklearn", "matplotlib"]),
        ([name for name in modules("pixmix") if name.startswith(LIGHT)], ["torch", "torchvision"]),
        (["pixmix.philox", "pixmix.draws", "pixmix.settings", "pixmix.engines.numba"], ["torch", "torchvision"]),
    ],
    ids=["roots", "commands", "store and makers", "measures, corruptions, readers", "kernels"],
)
def test_what_is_light_imports_nothing_heavy(names: list[str], forbidden: list[str]) -> None:
    assert not laws.heavy_imports(names, forbidden)
