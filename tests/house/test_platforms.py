"""Linux and macOS are supported: without affinities, homes and entries in the list of users; Windows gets one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mixset import InputError, MixingPool, MixingSet
from mixset._common.cores import check_workers, usable_cores
from mixset._store.exporting import export_images
from mixset._store.importing import import_images
from mixset.generate import FractalRecipe, make
from mixset.generate._job import defaults
from mixset.generate._job.devices import slots
from mixset.generate._job.families import family
from pixmix.corruptions._c.frost import FILES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for index in range(3):
        image = np.random.default_rng(index).integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(image).save(tmp_path / "photos" / f"{index}.png")
    return tmp_path / "photos"


def test_without_affinities_all_cores_are_used(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on macOS. That nothing but `usable_cores` asks for them is a law of the house."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert usable_cores() == check_workers(None) == 3
    assert slots(family("fractals"), ["auto"], None) == ["cpu"] * 3
    assert import_images(photos, tmp_path / "set", quiet=True).count == 3
    images = MixingSet(tmp_path / "set")
    assert export_images(images, tmp_path / "png", quiet=True) == 3
    assert len(MixingPool(images, 32, cache=tmp_path / "cache", quiet=True)) == 3
    make(FractalRecipe(count=1, size=32), tmp_path / "made", quiet=True)
    assert len(MixingSet(tmp_path / "made")) == 1
    defaults._announce(tmp_path, FractalRecipe(count=1, size=64), None)
    assert "on 3 cores" in capsys.readouterr().err
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


@pytest.mark.slow
def test_suites_and_plans_without_affinities(tmp_path: Path) -> None:
    """Corruptions are made and an ablation is planned in a process that has none."""
    code = """
import os, sys
del os.sched_getaffinity
from pixmix.train._command import cli
sys.argv = ["pixmix", *sys.argv[1:]]
cli.main()
"""
    environment = {**os.environ, "PIXMIX_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    for name in FILES:
        Image.new("RGB", (640, 480)).save(tmp_path / name)
    for arguments in (
        ["corrupt", "digits", tmp_path / "c", "--corruptions", "brightness", "--test-subset", "10"],
        ["ablate", "mixing-sets", "--dataset", "digits", "--out", tmp_path / "a", "--plan", "--frost", tmp_path],
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr


def test_without_home_and_entry_a_cache_is_found(tmp_path: Path) -> None:
    code = """
import pwd, os
def nobody(*_): raise KeyError("getpwuid(): uid not found")
pwd.getpwuid = pwd.getpwnam = nobody
from mixset._common.cache import cache_folder
from mixset._common import kernels
from pathlib import Path
print(cache_folder()); print(kernels._folder(Path(kernels.__file__)))
"""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("HOME", "PIXMIX_CACHE", "XDG_CACHE_HOME")
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[0] == str(tmp_path / f"pixmix-{os.getuid()}")
    assert done.stderr == (
        f"no cache folder: there is no home folder: using {tmp_path}/pixmix-{os.getuid()}; set PIXMIX_CACHE to choose\n"
    )


@pytest.mark.parametrize(
    "call",
    [
        "from mixset.generate._command.cli import main; sys.argv = ['mixset', 'info', 'x']; main()",
        "from pixmix.train._command.cli import main; sys.argv = ['pixmix', 'show', 'x']; main()",
        "import mixset; mixset.MixingSet",
        "from mixset.generate import make",
        "import pixmix; pixmix.PixMix",
    ],
)
@pytest.mark.parametrize("pretend", ["sys.modules['fcntl'] = None", "sys.platform = 'win32'"])
def test_other_systems_get_one_line(call: str, pretend: str) -> None:
    if "PixMix" in call and "win32" in pretend:
        pytest.skip("torch, which is imported first, does not fall for the pretence")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {pretend}; {call}"], capture_output=True, text=True, check=False
    )
    line = "pixmix runs on Linux and macOS; on Windows use it in WSL (wsl --install)"
    if "main()" in call:
        assert (done.returncode, done.stderr) == (2, f"error: {line}\n")
    else:
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == f"mixset._common.platforms.UnsupportedPlatform: {line}"


def test_the_systems_are_said() -> None:
    assert "Operating System :: MacOS" in (ROOT / "pyproject.toml").read_text()
    assert "Linux and macOS are supported" in (ROOT / "README.md").read_text()
    assert issubclass(InputError, ValueError)
