"""The wheel: what a user installs holds all four folders, its types hold, and its commands start."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import laws
import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def names(requirements: list[str]) -> set[str]:
    """The distributions that are asked for, as the package index spells them."""
    found = [re.match("[A-Za-z0-9._-]+", requirement) for requirement in requirements]
    return {match[0].replace("_", "-").lower() for match in found if match}


def test_what_is_imported_is_declared_and_what_is_declared_imported(tmp_path: Path) -> None:
    core = names(PROJECT["dependencies"])
    extras = {extra: names(wanted) for extra, wanted in PROJECT["optional-dependencies"].items()}
    offered = core.union(*(wanted for extra, wanted in extras.items() if extra not in ("all", "dev", "docs")))
    places = laws.distributions(ROOT)
    assert {name: place for name, place in places.items() if name not in offered} == {}
    assert core <= places.keys()
    (tmp_path / "pixmix").mkdir()
    (tmp_path / "pixmix" / "__init__.py").write_text("def late():\n    from surely_absent.inner import x\n")
    assert laws.distributions(tmp_path) == {"surely-absent": "pixmix/__init__.py:2"}


def test_the_version_is_the_same_everywhere(site: Path) -> None:
    done = run(site, "-c", "import mixset, pixmix; print(mixset.__version__, pixmix.__version__)")
    assert done.stdout.split() == [PROJECT["version"]] * 2
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {PROJECT['version']}\n" in citation


def test_holds_every_file_of_the_packages(site: Path) -> None:
    """Sources, stubs, marks of types, and what is read at run time."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *laws.FOLDERS]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    wanted = [Path(name) for name in listed if (ROOT / name).exists()]
    assert {".py", ".pyi", ".typed", ".json", ".css"} <= {path.suffix for path in wanted}
    homes = {folder: Path(*name.split(".")) for folder, name in laws.FOLDERS.items()}
    lost = [path for path in wanted if not (site / homes[path.parts[0]] / Path(*path.parts[1:])).exists()]
    assert lost == []


PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel."""
    scratch = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(scratch / "built")]
    subprocess.run([*PIP, "wheel", *options, str(copy_of(ROOT, scratch))], check=True)
    (wheel,) = (scratch / "built").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scratch folder with the wheel, and nothing else, installed into it."""
    site = tmp_path_factory.mktemp("site")
    subprocess.run([*PIP, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
    return site


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


def test_types_hold() -> None:
    done = subprocess.run([sys.executable, ROOT / "checks" / "types.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_pip_installs_the_core_beside_a_new_kornia(wheel: Path) -> None:
    """The core alone: what `fvis` asks for excludes it, which shows that pip was asked."""
    if subprocess.run([*PIP, "index", "versions", "kornia"], capture_output=True, check=False).returncode:
        pytest.skip("no package index can be reached")
    install = [*PIP, "install", "--dry-run", "--ignore-installed", "--only-binary=:all:", "kornia>=0.9"]
    for requirement, works in ((f"pixmix @ {wheel.as_uri()}", True), (f"pixmix[fvis] @ {wheel.as_uri()}", False)):
        done = subprocess.run([*install, requirement], capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is works, done.stderr
        assert works or "ResolutionImpossible" in done.stderr


@pytest.mark.slow
def test_the_wheel_serves_outside_the_checkout() -> None:
    command = [sys.executable, ROOT / "checks" / "installs.py", "wheel"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_folder_of_the_packages_name_is_harmless_or_named(tmp_path: Path) -> None:
    (tmp_path / "pixmix").mkdir()
    command = [sys.executable, "-m", "pixmix.train", "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) or (done.returncode == 2 and "hides the package" in done.stderr), done.stderr
