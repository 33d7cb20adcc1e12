"""The house stands: imports run along its arrows, and what must be light imports nothing heavy."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path

import circles
import laws
import pytest

ROOT = Path(__file__).parents[2]


def test_every_folder_is_looked_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in laws.files(ROOT)} == set(laws.FOLDERS)
    assert laws.folder_of("mixset.generate._job.job") == "generate"
    assert laws.folder_of("mixset._store.shards") == laws.folder_of("mixset") == "mixset"
    assert laws.folder_of("numpy") is None


def test_imports_run_along_the_arrows() -> None:
    assert laws.wrong_imports(ROOT) == []


def test_imports_go_round_in_no_circle() -> None:
    assert circles.import_circles(ROOT) == []


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["from ._b import x", "from ._a import y"], [["_a", "_b"]]),
        (["from . import _b", "from . import _a"], [["_a", "_b"]]),
        (["from ._b import x", "def f():\n    from ._a import y"], [["_a", "_b"]]),
        (["if TYPE_CHECKING:\n    from ._b import x", "import pixmix._a"], [["_a", "_b"]]),
        (["from ._c import x", "from ._a import x", "from . import _b, _d", "from ._e import x"], [["_a", "_c", "_b"]]),
        (
            ["from ._b import x", "from . import _a", "from . import _a, _d", "import pixmix._c"],
            [["_a", "_b"], ["_c", "_d"]],
        ),
        (["from . import _b, _c", "from ._c import x", "import numpy._b", "from ._a import x"], []),
    ],
)
def test_planted_circles_are_found(tmp_path: Path, texts: list[str], told: list[list[str]]) -> None:
    (tmp_path / "pixmix").mkdir()
    for name, text in zip("abcd", texts, strict=False):
        (tmp_path / "pixmix" / f"_{name}.py").write_text(f"{text}\n")
    rounds = [" → ".join(f"pixmix.{name}" for name in [*circle, circle[0]]) for circle in told]
    assert circles.import_circles(tmp_path) == [f"imports go round in a circle: {each}" for each in rounds]


@pytest.mark.parametrize("folder", sorted(laws.FOLDERS))
def test_circles_are_looked_for_everywhere(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder / "_deep").mkdir(parents=True)
    (tmp_path / folder / "_deep" / "a.py").write_text("from .._b import x\n")
    (tmp_path / folder / "_b.py").write_text("from ._deep.a import y\n")
    assert len(circles.import_circles(tmp_path)) == 1


def test_what_has_one_home_is_used_from_there() -> None:
    assert laws.strangers(ROOT) == []


def test_every_module_is_private_or_a_public_package() -> None:
    assert laws.open_doors(ROOT) == []
    assert {laws.module_of(path.relative_to(ROOT)) for path in laws.files(ROOT)} >= laws.PUBLIC


def test_names_of_modules_tell_them_apart() -> None:
    assert laws.namesakes(ROOT) == []


def test_exports_are_defined_where_stubs_say() -> None:
    assert laws.false_exports(ROOT) == []


@pytest.mark.parametrize("package", sorted(laws.PUBLIC))
def test_all_is_true(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__all__
    assert len({*module.__all__}) == len(module.__all__)
    assert not [name for name in module.__all__ if name.startswith("_") and name != "__version__"]
    assert {*module.__all__} <= {*dir(module)}
    for name in module.__all__:
        getattr(module, name)


@pytest.mark.parametrize(
    ("law", "path", "text", "told"),
    [
        (laws.open_doors, "pixmix/draws.py", "", "pixmix/draws.py: pixmix.draws is neither private"),
        (laws.open_doors, "pixmix/augment/__init__.py", "", "pixmix.augment is neither private"),
        (laws.open_doors, "mixset/_common/files.py", "", None),
        (laws.open_doors, "pixmix/methods/__init__.py", "", None),
        (laws.open_doors, "train/__main__.py", "", None),
        (laws.namesakes, "train/_data/_images.py", "", "images is the name of 4 modules: pixmix/_a/images.py, "),
        (laws.namesakes, "train/_data/pictures.py", "", None),
        (laws.false_exports, "pixmix/__init__.pyi", "from ._a.images import X as X", "exports X, which _a.images"),
        (laws.false_exports, "pixmix/__init__.pyi", "from ._b import X as X", "exports X, which _b does not define"),
        (laws.false_exports, "pixmix/__init__.pyi", "from ._a.images import kept", "exports kept, which"),
        (laws.false_exports, "pixmix/__init__.pyi", "import numpy", "pixmix/__init__.pyi:1: a stub has nothing but"),
        (laws.false_exports, "pixmix/__init__.pyi", "from ._a.images import kept as kept, Kept as Kept", None),
    ],
)
def test_a_planted_file_breaks_its_law(
    tmp_path: Path, law: Callable[[Path], list[str]], path: str, text: str, told: str | None
) -> None:
    for name in ("_a", "_b", "_c"):
        (tmp_path / "pixmix" / name).mkdir(parents=True)
        (tmp_path / "pixmix" / name / "images.py").write_text("class Kept: pass\nkept: int = 1\n")
    assert law(tmp_path) == []
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    lines = law(tmp_path)
    assert [told in line for line in lines] == [True] if told else lines == []


@pytest.mark.parametrize(
    ("path", "line", "found"),
    [
        ("mixset/_store/sheet.py", "import torch", "mixset/_store/sheet.py:{} imports torch: mixset is free of torch"),
        (
            "mixset/_store/sheet.py",
            "def late():\n    from torchvision import io",
            "torchvision: mixset is free of torch",
        ),
        ("mixset/_store/pool.py", "import pixmix._augment.draws", "imports pixmix._augment.draws: against the arrows"),
        ("mixset/_store/pool.py", "from mixset.generate import make", "imports mixset.generate: against the arrows"),
        ("generate/_job/job.py", "from pixmix import draws", "imports pixmix: against the arrows"),
        (
            "pixmix/measures/_rankings.py",
            "import pixmix.train._training.loop",
            "imports pixmix.train._training.loop: against the arrows",
        ),
        ("pixmix/_augment/draws.py", "from pixmix import train", "imports pixmix.train: against the arrows"),
        ("pixmix/_augment/draws.py", "import mixset.generate", "imports mixset.generate: against the arrows"),
        ("pixmix/_augment/draws.py", "from pixmix._augment.settings import X", "inside a folder imports are relative"),
        ("train/_training/loop.py", "from ...draws import X", "imports ...draws: a relative import leaves its folder"),
        (
            "train/_training/loop.py",
            "import os; os.sched_getaffinity(0)",
            "train/_training/loop.py uses sched_getaffinity: mixset/_common/cores.py",
        ),
        (
            "pixmix/_augment/draws.py",
            "from numba import njit",
            "pixmix/_augment/draws.py uses njit: mixset/_common/kernels.py",
        ),
        (
            "pixmix/_augment/draws.py",
            "from ..train._runs import config",
            "pixmix/_augment/draws.py:{} imports ..train._runs: against the arrows",
        ),
        (
            "pixmix/__init__.pyi",
            "from .train._runs.config import TrainConfig as TrainConfig",
            "pixmix/__init__.pyi:{} imports .train._runs.config: against the arrows",
        ),
        (
            "pixmix/_augment/draws.py",
            "import numba\n@numba.njit\ndef f(): pass",
            "pixmix/_augment/draws.py uses njit: mixset/_common/kernels.py",
        ),
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
    index = len(text.splitlines()) + 2
    assert any(found.format(index) in one for one in told), told


def test_a_planted_heavy_import_is_found(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "mixset", tmp_path / "mixset", ignore=shutil.ignore_patterns("__pycache__"))
    steps = [(["mixset"], ["numpy"]), (["mixset._common.errors"], ["numpy", "PIL"])]
    assert laws.heavy_imports(steps, tmp_path) == []
    errors = tmp_path / "mixset" / "_common" / "errors.py"
    errors.write_text(errors.read_text() + "\nimport numpy\n")
    assert laws.heavy_imports(steps, tmp_path) == [(1, "numpy")]


LIGHT = ("pixmix.measures", "pixmix.corruptions", "pixmix.readers", "pixmix.scores")
FRACTALS = [
    f"mixset.generate.{name}" for name in ("_fractals.rendering", "_job.job", "_job.defaults", "_command.commands")
]


def modules(folder: str) -> list[str]:
    """The import names of a folder's modules, commands' entry points left out."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    return [laws.module_of(path.relative_to(ROOT)) for path in paths if path.stem != "__main__"]


def test_what_is_light_imports_nothing_heavy() -> None:
    """Roots and commands, store and makers, the parts of pixmix without torch: in one process, the lightest first."""
    heavy = ["torch", "numpy", "h5py", "PIL", "numba"]
    steps = [
        (["mixset", "mixset.generate", "pixmix"], heavy),
        (["pixmix.train", "pixmix.train._command.cli", "mixset.generate._command.cli"], heavy),
        ([*modules("mixset"), *FRACTALS], ["torch", "torchvision", "sklearn", "matplotlib"]),
        ([name for name in modules("pixmix") if name.startswith(LIGHT)], ["torch", "torchvision"]),
        (
            ["pixmix._common.philox", "pixmix._augment.draws", "pixmix._augment.settings", "pixmix._engines.numba"],
            ["torch", "torchvision"],
        ),
    ]
    assert laws.heavy_imports(steps) == []
