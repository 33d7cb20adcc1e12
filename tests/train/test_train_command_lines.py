"""Bad command lines of every command: exit code 2, one line, nothing left, nothing trained."""

from __future__ import annotations

import hashlib
import random
import shutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from board_samples import corrupted, write
from command_lines import LONG, Command, all_commands, draw
from PIL import Image
from report_samples import write_run

import mixset.generate._command.cli
import pixmix.train._command.cli
from mixset._store.importing import import_images
from mixset.generate._networks.spec import network_spec
from pixmix.train._ablations import runner
from pixmix.train._ablations.config import AblateConfig
from pixmix.train._runs import checkpoints
from pixmix.train._training.loop import Training

PROGRAMS: dict[str, Callable[[], None]] = {
    "pixmix": pixmix.train._command.cli.main,
    "mixset": mixset.generate._command.cli.main,
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every good word of the commands is there."""
    root = tmp_path_factory.mktemp("workspace")
    chance = np.random.default_rng(0)
    frost = [f"frost{number}.{'png' if number < 4 else 'jpg'}" for number in range(1, 6)]
    for folder, names in (("photos", ["a.png", "b.png"]), ("frost", frost)):
        (root / folder).mkdir()
        for name in names:
            Image.fromarray(chance.integers(0, 256, (80, 80, 3), np.uint8)).save(root / folder / name)
    (root / "empty").mkdir()
    (root / "text").write_text("no more than a few words\n")
    write_run(root / "run", 0.1)
    write(root / "board", c=corrupted(10_000))
    np.savez(root / "l.npz", logits=chance.normal(size=(40, 10)), labels=np.arange(40) % 10)
    checkpoints.write_weights(network_spec("wrn-10-1", classes=10).build().state_dict(), root / "w.safetensors")
    import_images(root / "photos", root / "set", quiet=True)
    return root


def state(root: Path) -> dict[str, str]:
    """Every file and folder, with a hash of what it holds."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in root.rglob("*")
    }


def ends(line: list[str], capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code of a command line run here, and what it said on stderr."""
    sys.argv = line
    code = 0
    try:
        PROGRAMS[line[0]]()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except Exception:
        return 1, traceback.format_exc()
    said = capfd.readouterr().err.splitlines(keepends=True)
    # Which code made a network that was named is said whatever becomes of it.
    return code, "".join(line for line in said if "runs the code in" not in line)


@pytest.fixture
def run_here(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace as working folder, and a training that starts is a failure."""

    def start(*_: object, **__: object) -> None:
        raise AssertionError("a training began")

    monkeypatch.setattr(Training, "run", start)
    monkeypatch.setattr(runner, "carry_out", start)
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.chdir(workspace)
    return workspace


def check(count: int, seed: int, root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Draw so many lines, the commands in turn, and see how each ends."""
    found, listed, before = [], all_commands(), state(root)
    for number in range(count):
        chance = random.Random(f"{seed}-{number}")
        line = draw(listed[number % len(listed)], chance)
        code, said = ends(line, capfd)
        if code != 2 or said.count("\n") != 1 or not said.startswith("error: ") or not said[:-1].isprintable():
            found.append(f"{[word[:40] for word in line]}: exit code {code}, stderr {said[-600:]!r}")
        if (after := state(root)) != before:
            found.append(f"{[word[:40] for word in line]}: leaves {sorted(after.items() ^ before.items())[:4]}")
            shutil.rmtree(root / "new", ignore_errors=True)
            before = state(root)
    assert not found, "\n".join([f"{len(found)} of {count}:", *found])


def test_bad_command_lines_end_in_one_line(run_here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    check(60, 0, run_here, capfd)


SMALL = "--recipe quick --network wrn-10-1 --subset 100 --test-subset 50 --suite clean"
TRAIN = f"pixmix train digits {SMALL} --out new/r"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"mixset make fractals --count 1 --size 32 {LONG}", "File name too long"),
        (f"pixmix corrupt digits {LONG} --corruptions fog --test-subset 10", "File name too long"),
        (f"{TRAIN} --out {LONG}", "File name too long"),
        (f"{TRAIN} --network :", "network :"),
        (f"{TRAIN} --network .x:y", "network .x:y"),
        (f"{TRAIN} --network wrn-10-99999999999", "network wrn-10-99999999999"),
        (f"{TRAIN} --seed {2**70}", "--seed: a whole number from 0 to 2**64 - 1 is needed, got 118"),
        (f"{TRAIN} --device meta", "--device meta: unknown; use auto, cpu, cuda or cuda:N"),
        ("mixset make fvis --network .x:y --size 32 new/o", "network .x:y"),
        ("mixset import photos new/o --workers 0", "workers: "),
        ("mixset import photos new/o --workers -1", "workers: "),
        (
            "pixmix evaluate w.safetensors --suite c --c NOWHERE --out new/e",
            "w.safetensors: does not say which network",
        ),
    ],
)
def test_lines_that_ended_otherwise_once(
    run_here: Path, line: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = state(run_here)
    code, said = ends(line.split(), capfd)
    assert (code, said.count("\n")) == (2, 1) and said.startswith("error: ") and told in said
    assert state(run_here) == before


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 11))
def test_many_bad_command_lines_end_in_one_line(run_here: Path, seed: int, capfd: pytest.CaptureFixture[str]) -> None:
    check(200, seed, run_here, capfd)


CONTROLS = [
    pytest.param(one, id=" ".join(one.words), marks=pytest.mark.slow if "make" in one.words else ())
    for one in all_commands()
    if one.kind is not AblateConfig or "--plan" in one.good
]


@pytest.mark.parametrize("command", CONTROLS)
def test_the_lines_are_good_without_what_is_bad(
    run_here: Path, command: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    """The control: what is refused above is refused for what was drawn; a training would begin."""
    code, said = ends([*command.words, *command.good], capfd)
    shutil.rmtree(run_here / "new", ignore_errors=True)
    (run_here / "new.png").unlink(missing_ok=True)
    assert code == 0 or "a training began" in said, said
