"""The house stands: imports run along its arrows, and what must be light imports nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"mixset": "mixset", "generate": "mixset.generate", "pixmix": "pixmix", "train": "pixmix.train"}
ARROWS = {
    "mixset": set(),
    "generate": {"mixset"},
    "pixmix": {"mixset"},
    "train": {"pixmix", "mixset", "generate"},
}
LIGHT = ("mixset",)
"""Where torch may not be imported at all, not even within functions."""


def folder_of(module: str) -> str | None:
    """The folder a module lives in, by the longest import name that it begins with."""
    for folder, name in sorted(FOLDERS.items(), key=lambda pair: -len(pair[1])):
        if module == name or module.startswith(f"{name}."):
            return folder
    return None


def files() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> list[tuple[int, str, int]]:
    """(line, module, level) of every import statement of a file, those inside functions and type checks included."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name, 0) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found.append((node.lineno, module, node.level))
            if not node.level:
                # `from pixmix import train` names a folder, too.
                found += [
                    (node.lineno, f"{module}.{alias.name}", 0)
                    for alias in node.names
                    if f"{module}.{alias.name}" in FOLDERS.values()
                ]
    return found


def test_every_folder_is_looked_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in files()} == set(FOLDERS)
    assert folder_of("mixset.generate.job") == "generate"
    assert folder_of("mixset.shards") == folder_of("mixset") == "mixset"
    assert folder_of("numpy") is None


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_along_the_arrows(path: Path) -> None:
    home, *inside = path.relative_to(ROOT).parts
    for line, module, level in imported(path):
        where = f"{path.relative_to(ROOT)}:{line} imports {'.' * level}{module}"
        if level:
            assert level <= len(inside), f"{where}: a relative import leaves its folder"
            continue
        target = folder_of(module)
        assert target != home, f"{where}: inside a folder imports are relative"
        assert target is None or target in ARROWS[home], f"{where}: against the arrows"
        if home in LIGHT:
            assert module.split(".")[0] not in ("torch", "torchvision"), f"{where}: {home} is free of torch"


LIGHT = ("pixmix.measures", "pixmix.corruptions", "pixmix.readers")
FRACTALS = [f"mixset.generate.{name}" for name in ("fractals.pictures", "job", "defaults", "commands")]


def modules(folder: str) -> list[str]:
    """The import names of a folder's modules, commands' entry points left out."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT / folder).with_suffix("").parts
        if parts[-1] != "__main__":
            found.append(".".join((FOLDERS[folder], *(part for part in parts if part != "__init__"))))
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
    code = f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not set(forbidden) & set(done.stdout.split())
