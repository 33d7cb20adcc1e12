"""The laws of the house, each a function of a source tree that gives a line for every violation."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDERS = {"mixset": "mixset", "generate": "mixset.generate", "pixmix": "pixmix", "train": "pixmix.train"}
ARROWS = {
    "mixset": set(),
    "generate": {"mixset"},
    "pixmix": {"mixset"},
    "train": {"pixmix", "mixset", "generate"},
}
WITHOUT_TORCH = ("mixset",)
"""Where torch may not be imported at all, not even within functions."""
ONE_HOME = {
    "sched_getaffinity": "mixset/_common/cores.py",
    "njit": "mixset/_common/kernels.py",
}
"""Names that one file alone may use: elsewhere its function serves."""


def folder_of(module: str) -> str | None:
    """The folder a module lives in, by the longest import name that it begins with."""
    for folder, name in sorted(FOLDERS.items(), key=lambda pair: -len(pair[1])):
        if module == name or module.startswith(f"{name}."):
            return folder
    return None


def files(root: Path) -> list[Path]:
    """Every source file of the packages."""
    return sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py"))


def imported(tree: ast.AST) -> list[tuple[int, str, int]]:
    """(line, module, level) of every import statement, those inside functions and type checks included."""
    found = []
    for node in ast.walk(tree):
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


def wrong_imports(root: Path) -> list[str]:
    """Imports run along the arrows, are relative inside a folder, and the store is free of torch."""
    found = []
    for path in files(root):
        home, *inside = path.relative_to(root).parts
        for line, module, level in imported(ast.parse(path.read_text())):
            where = f"{path.relative_to(root)}:{line} imports {'.' * level}{module}"
            target = folder_of(module)
            if level > len(inside):
                found.append(f"{where}: a relative import leaves its folder")
            if level:
                continue
            if target == home:
                found.append(f"{where}: inside a folder imports are relative")
            elif target is not None and target not in ARROWS[home]:
                found.append(f"{where}: against the arrows")
            if home in WITHOUT_TORCH and module.split(".")[0] in ("torch", "torchvision"):
                found.append(f"{where}: {home} is free of torch")
    return found


def strangers(root: Path) -> list[str]:
    """What one file does for all is done by no other."""
    found = []
    for path in files(root):
        here = path.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            if isinstance(node, ast.alias):
                name = node.name
            if ONE_HOME.get(name, here) != here:
                found.append(f"{here} uses {name}: {ONE_HOME[name]} has a function for it")
    return found


def heavy_imports(names: Sequence[str], forbidden: Sequence[str], root: Path | None = None) -> list[str]:
    """Which of the forbidden packages importing some modules imports.

    Args:
        root: where the packages are imported from; default: where they are installed.
    """
    code = f"import importlib, sys\nfor name in {list(names)}: importlib.import_module(name)\nprint(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(root)} if root is not None else None
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment, cwd=root
    )
    assert done.returncode == 0, done.stderr
    return sorted({*forbidden} & {*done.stdout.split()})
