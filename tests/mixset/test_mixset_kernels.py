"""Compiled kernels: never older than their sources, never anybody else's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mixset._common import kernels

ROOT = Path(__file__).parents[2]

LEAF = """
from mixset._common.kernels import kernel

@kernel
def brightness(value):
    return value * 2
"""
TOP = """
from mixset._common.kernels import kernel
from .leaf import brightness

@kernel
def enhance(value):
    return brightness(value) + 1

"""
RUN = """
from mixset._common.kernels import cold
from pixmix.top import enhance

before = cold("pixmix")
print(before, enhance(20), sum(enhance.stats.cache_hits.values()), cold("pixmix"), cold("mixset"))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The store as it is, beside a package with a kernel that calls one of another file."""
    shutil.copytree(ROOT / "mixset", tmp_path / "mixset", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pixmix").mkdir()
    (tmp_path / "pixmix" / "__init__.py").touch()
    (tmp_path / "pixmix" / "leaf.py").write_text(LEAF)
    (tmp_path / "pixmix" / "top.py").write_text(TOP)
    return tmp_path


def run(copy: Path) -> list[str]:
    """Of a new process: whether all is to be compiled, the result, kernels taken from the cache, what is cold then."""
    environment = {**os.environ, "PIXMIX_CACHE": str(copy / "cache")}
    done = subprocess.run([sys.executable, "-c", RUN], cwd=copy, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_kernels_are_compiled_again_after_an_edit_of_a_leaf_and_of_nothing_else(copy: Path) -> None:
    assert run(copy) == ["True", "41", "0", "False", "False"]
    (copy / "pixmix" / "other.py").write_text("SIDE = 3")
    assert run(copy) == ["False", "41", "1", "False", "False"]
    leaf = copy / "pixmix" / "leaf.py"
    status = leaf.stat()
    leaf.write_text(LEAF.replace("* 2", "* 3"))
    os.utime(leaf, ns=(status.st_atime_ns, status.st_mtime_ns))  # as an unpacked release may have it
    assert run(copy) == ["True", "61", "0", "False", "False"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """The folder that a new process would keep kernels in."""
    (tmp_path / "kept").mkdir(mode=0o700)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "cache"))
    kernels._remove_old.cache_clear()
    return lambda: kernels._folder.__wrapped__(Path(kernels.__file__))


def test_a_cache_that_others_may_write_is_not_used(folder: Callable[[], Path], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    first = folder()
    assert first.parent == kept
    first.chmod(0o777)
    assert folder() == tmp_path / "cache" / first.name
    first.chmod(0o700)
    kept.chmod(0o777)
    assert folder() == tmp_path / "cache" / first.name
    kept.chmod(0o700)
    first.rename(tmp_path / "planted")
    first.symlink_to(tmp_path / "planted")
    assert folder() == tmp_path / "cache" / first.name
    first.unlink()
    assert folder() == first


def test_old_kernels_go_and_folders_of_others_stay(folder: Callable[[], Path], tmp_path: Path) -> None:
    ours, other = tmp_path / "kept" / f"kernels-{'0' * 24}", tmp_path / "kept" / "kernels-of-mine"
    for path in (ours, other):
        path.mkdir()
        os.utime(path, (0, 0))
    folder()
    assert other.exists() and not ours.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to another user")
@pytest.mark.parametrize("which", ["kept", "kernels"])
def test_a_cache_of_another_user_is_not_used(folder: Callable[[], Path], tmp_path: Path, which: str) -> None:
    first = folder()
    taken = first if which == "kernels" else first.parent
    os.chown(taken, 64998, 64998)
    assert folder() == tmp_path / "cache" / first.name
    os.chown(taken, 0, 0)
    assert folder() == first


def test_numba_cuda_finds_what_numpy_has_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy 2.5 has no `row_stack`, for which numba-cuda 0.30 asks as it is imported; nobody else sees the name."""
    monkeypatch.delattr(np, "row_stack", raising=False)
    found = []

    def load(name: str) -> None:
        found.append((name, vars(np)["row_stack"] is np.vstack))
        raise ImportError(name)

    monkeypatch.setattr(kernels.importlib, "import_module", load)
    with pytest.raises(ImportError):
        kernels._load_array_functions()
    assert found == [("numba.cuda.np.arrayobj", True)]
    assert not hasattr(np, "row_stack")
