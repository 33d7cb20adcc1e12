"""Run mypy over the packages as they are imported, and over the tests: python checks/types.py

`generate/` and `train/` are imported as `mixset.generate` and `pixmix.train`, so the four folders are laid out like
that in mypy's cache, where they keep their times: a second run looks at what has changed alone. Files of tests import
each other by name alone, so each of their folders is a root; a conftest.py gets its folder's name, to be one of its
kind.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"mixset": "mixset", "generate": "mixset/generate", "pixmix": "pixmix", "train": "pixmix/train"}
UNCHECKED = 'disable-error-code="arg-type, call-arg, call-overload, index, misc, operator, union-attr"'
"""Tests hand over what is wrong, to see it refused, and fail by themselves where one of several types is not there."""


def main() -> int:
    """Lay out, check; mypy's exit status."""
    site = ROOT / ".mypy_cache" / "site"
    shutil.rmtree(site, ignore_errors=True)
    for folder, package in FOLDERS.items():
        shutil.copytree(ROOT / folder, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (ROOT / "tests").rglob("*.py"):
        folder = site / path.parent.relative_to(ROOT)
        name = f"conftest_of_{folder.name}.py" if path.name == "conftest.py" else path.name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, folder / name)
        with open(folder / name, "a") as file:
            file.write(f"# mypy: {UNCHECKED}\n")
    tests = sorted(site.joinpath("tests").rglob("*.py"))
    roots = sorted({str(path.parent) for path in tests})
    modules = [option for path in tests for option in ("-m", path.stem)]
    options = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]
    command = [sys.executable, "-m", "mypy", *options, "-p", "mixset", "-p", "pixmix", *modules]
    return subprocess.call(command, cwd=site, env=os.environ | {"MYPYPATH": os.pathsep.join(roots)})


if __name__ == "__main__":
    sys.exit(main())
