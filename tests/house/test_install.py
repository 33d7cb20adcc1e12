"""The wheel: what a user installs holds all four folders, its types hold, and its commands start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scratch folder with the built wheel, and nothing else, installed into it."""
    scratch = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    built = scratch / "built"
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(built), str(copy_of(ROOT, scratch))]
    subprocess.run(build, check=True)
    (wheel,) = built.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(scratch / "site"), str(wheel)], check=True)
    return scratch / "site"


def copy_of(root: Path, scratch: Path) -> Path:
    """The files git would hand out, so that the build leaves nothing in the work tree."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=root, capture_output=True, check=True
    )
    for name in names.stdout.decode().splitlines():
        if (root / name).exists():
            (scratch / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (scratch / "source" / name).write_bytes((root / name).read_bytes())
    return scratch / "source"


def run(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the scratch folder before everything else that is installed."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=site, env=environment, capture_output=True, text=True, check=False
    )


def test_holds_the_four_folders(site: Path) -> None:
    names = "mixset, mixset.generate, pixmix, pixmix.measures, pixmix.train"
    done = run(site, "-c", f"import {names}\nprint(*[m.__file__ for m in ({names})], sep='\\n')")
    assert done.returncode == 0, done.stderr
    files = done.stdout.split()
    assert len(files) == 5
    assert all(Path(file).is_relative_to(site) for file in files), files
    assert (site / "mixset" / "py.typed").exists()
    assert (site / "pixmix" / "py.typed").exists()


def test_the_core_asks_for_nothing_that_rules_an_environment(site: Path) -> None:
    (metadata,) = site.glob("pixmix-*.dist-info/METADATA")
    head = "Requires-Dist: "
    wanted = [line.removeprefix(head) for line in metadata.read_text().splitlines() if line.startswith(head)]
    pinned = [line for line in wanted if ";" not in line and "==" in line]
    lucent = [line for line in wanted if line.startswith(("torch-lucent", "kornia"))]
    assert wanted and not pinned
    assert [line.partition(";")[2].strip() for line in lucent] == ['extra == "fvis"']


@pytest.mark.parametrize("command", ["mixset.generate", "pixmix.train"])
def test_commands_start(site: Path, command: str) -> None:
    done = run(site, "-m", command, "--help")
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_types_hold(site: Path) -> None:
    done = run(site, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "-p", "mixset", "-p", "pixmix")
    assert done.returncode == 0, done.stdout


def test_a_folder_of_the_packages_name_is_harmless_or_named(tmp_path: Path) -> None:
    (tmp_path / "pixmix").mkdir()
    command = [sys.executable, "-m", "pixmix.train", "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) or (done.returncode == 2 and "hides the package" in done.stderr), done.stderr
