"""Install the project as its users do, and try it there.

    python checks/installs.py wheel      the wheel in a fresh environment, with the packages of this one
    python checks/installs.py lowest     the oldest Python with the lowest versions that pyproject.toml promises
    python checks/installs.py pythons    every promised Python that is here; of the others, whether pip finds releases

Commands are run outside the checkout: a small set is made, a run trained, a page written. `lowest` and `pythons` fetch
some gigabytes each, and run some of the tests, too.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = ("cluster", "networks", "video")
"""The optional dependencies whose lowest versions are tried; those of `fvis` are pinned, and exclude new releases."""
PIXMIX = ("pixmix_ops", "pixmix_dataset", "pixmix_dataset_keys", "pixmix_dataset_counted", "pixmix_sampler")
PIXMIX += ("measures_calibration", "measures_anomalies", "corruptions_c_laws")
TESTS = ["tests/mixset", *(f"tests/pixmix/test_{name}.py" for name in PIXMIX)]
TESTS += ["--ignore=tests/mixset/test_mixset_kernels.py"]  # it edits a copy of the sources, which are not there
COMMANDS = """
mixset --version
pixmix --version
mixset make fractals --count 8 --size 32 --seed 0 set
mixset sheet set set.png
pixmix train digits --recipe quick --epochs 1 --subset 200 --test-subset 100 --method pixmix --mixing-set set --out run
pixmix report run --out report.html
"""


def run(*command: object, cwd: Path | None = None) -> None:
    """Run a command and say so; end where it fails."""
    print("$", *command, flush=True)
    subprocess.run([str(word) for word in command], cwd=cwd, check=True)


def environment(folder: Path, python: str) -> Path:
    """The interpreter of a fresh virtual environment."""
    run(python, "-m", "venv", folder)
    return folder / "bin" / "python"


def build(scratch: Path) -> Path:
    """The wheel, built from a copy so that nothing is left in the checkout."""
    source = scratch / "source"
    for name in subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    run(
        sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", scratch / "built", source
    )
    (wheel,) = (scratch / "built").glob("*.whl")
    return wheel


def try_out(python: Path, scratch: Path) -> None:
    """The commands of a first session."""
    for line in COMMANDS.split("\n"):
        if line:
            command, *words = line.split()
            run(python.with_name(command), *words, cwd=scratch)
    assert (scratch / "report.html").stat().st_size > 0


def lowest(requirement: str) -> str:
    """numpy>=2 → numpy==2"""
    return re.sub(">=([^,]*).*", r"==\1", requirement)


def find_python(version: str) -> str | None:
    """A Python of this version that starts, pyenv's included."""
    names = [shutil.which(f"python{version}"), *Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    starting = (
        name for name in names if name and subprocess.run([name, "-c", ""], capture_output=True).returncode == 0
    )
    return next(map(str, starting), None)


def try_wheel(scratch: Path) -> None:
    """Fresh but for the dependencies, which are those of this environment."""
    python = environment(scratch / "venv", sys.executable)
    run(python, "-m", "pip", "install", "-q", "--no-deps", build(scratch))
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.check_output([python, "-c", query], text=True).strip()
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    Path(own, "borrowed.pth").write_text("\n".join(borrowed))
    try_out(python, scratch)


def try_versions(scratch: Path, version: str, requirements: list[str]) -> None:
    """One Python with the given requirements beside the wheel: commands and tests."""
    name = find_python(version)
    if name is None:
        sys.exit(f"Python {version} is not here")
    python = environment(scratch / "venv", name)
    pip = [python, "-m", "pip", "install", "-q"]
    run(*pip, *requirements, "pytest", "pytest-timeout", "hypothesis")
    run(*pip, "--no-deps", build(scratch))
    run(python, "-m", "pip", "check")
    try_out(python, scratch)
    for name in ("mixset", "generate", "pixmix", "train"):
        shutil.rmtree(scratch / "source" / name)  # the tests import what is installed
    run(python, "-m", "pytest", "-q", "-m", "not slow", *TESTS, cwd=scratch / "source")


def try_pythons(scratch: Path) -> None:
    """Run the Pythons that are here; ask pip alone about the others."""
    found = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line) for line in PROJECT["classifiers"]]
    for version in [match[1] for match in found if match]:
        if find_python(version) is not None:
            folder = scratch / version
            folder.mkdir()
            try_versions(folder, version, PROJECT["dependencies"])
            shutil.rmtree(folder)  # gigabytes, before the next one's
            print(f"Python {version}: run")
            continue
        dry = ["--dry-run", "--python-version", version, "--only-binary=:all:", "--target", scratch / "none"]
        run(sys.executable, "-m", "pip", "install", "-q", *dry, *PROJECT["dependencies"])
        print(f"Python {version}: not run (it is not here); pip finds releases")


def main() -> None:
    """Choose what to try."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["wheel", "lowest", "pythons"])
    what = parser.parse_args().what
    with tempfile.TemporaryDirectory() as folder:
        if what == "wheel":
            try_wheel(Path(folder))
        elif what == "pythons":
            try_pythons(Path(folder))
        else:
            offered = PROJECT["optional-dependencies"]
            wanted = [*PROJECT["dependencies"], *(one for extra in EXTRAS for one in offered[extra])]
            version = PROJECT["requires-python"].removeprefix(">=")
            try_versions(Path(folder), version, [lowest(one) for one in wanted])
    print("all of it works")


if __name__ == "__main__":
    main()
