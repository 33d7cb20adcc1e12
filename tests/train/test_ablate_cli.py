"""`pixmix ablate` end to end: a small table with a row that fails, in parts, and again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mixset._common.errors import InputError
from mixset._common.parsing import parse
from pixmix.train._ablations import AblateConfig, ablate
from pixmix.train._command.cli import main


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def pixmix(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """`pixmix ARGUMENTS` without the seconds that a process takes to start."""

    def call(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["pixmix", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Ended(code, *capfd.readouterr())

    return call


@pytest.fixture
def frost(tmp_path: Path) -> Path:
    """Five photographs, of nothing."""
    folder = tmp_path / "frost"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name in ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg"):
        Image.fromarray(random.integers(0, 256, (90, 90, 3), np.uint8)).save(folder / name)
    return folder


def broken_images(folder: Path) -> Path:
    """A folder that lists well and cannot be read."""
    folder.mkdir(exist_ok=True)
    (folder / "a.png").write_bytes(b"no image")
    return folder


def words(colours: Path, mixing_folder: Path, frost: Path, out: Path) -> list[object]:
    return [
        *("ablate", 10, "--dataset", f"folder:{colours}", "--recipe", "quick", "--network", "wrn-10-1"),
        *("--epochs", 1, "--batch-size", 8, "--test-subset", 9, "--workers", 0, "--mixing-set", mixing_folder),
        *("--frost", frost, "--devices", "cpu", "--out", out, "--rows", "k4-beta3", "oe"),
        *("--outliers", broken_images(out.parent / "broken")),
    ]


def test_a_table_from_its_commands_to_its_numbers(
    pixmix: Callable[..., Ended], colours: Path, mixing_folder: Path, frost: Path, tmp_path: Path
) -> None:
    arguments = words(colours, mixing_folder, frost, tmp_path / "out")
    planned = pixmix(*arguments, "--plan")
    assert planned.returncode == 0 and not (tmp_path / "out").exists()
    commands = planned.stdout.splitlines()
    assert [line.split()[:2] for line in commands] == [
        *(["pixmix", "train"], ["pixmix", "corrupt"], ["pixmix", "evaluate"]),
        *(["pixmix", "train"], ["pixmix", "evaluate"]),
    ]
    first = pixmix(*arguments, "--part", "2/2")  # the row that fails
    assert first.returncode == 1
    assert "runs/oe-s0: FAILED (error: " in first.stderr
    table = json.loads((tmp_path / "out" / "table-10.json").read_text())
    assert [row["problems"][0]["state"] for row in table["rows"]] == ["missing", "failed"]
    second = pixmix(*arguments)
    assert second.returncode == 1, second.stderr
    assert "suites/c: started" not in second.stderr  # the other part has made it
    table = json.loads((tmp_path / "out" / "table-10.json").read_text())
    assert table["title"].startswith("Table 10: Hyperparameters k and β on colours in place of CIFAR-100; scaled: wrn-")
    good, failed = table["rows"]
    metrics = json.loads((tmp_path / "out" / "runs" / "pixmix-s0" / "metrics.json").read_text())
    assert [cell["mean"] for cell in good["cells"]] == [
        100 * metrics["clean"]["error"]["value"],
        100 * metrics["c"]["mce"]["value"],
    ]
    assert metrics["c"]["mce"]["n"] == 9
    assert failed["problems"][0]["state"] == "failed" and "a.png" in failed["problems"][0]["why"]
    assert "OE (seed 0): failed" in second.stdout
    for suffix in (".md", ".tex", ".csv"):
        assert (tmp_path / "out" / f"table-10{suffix}").stat().st_size > 100
    other = pixmix(*arguments, "--epochs", 2)
    assert other.returncode == 2
    assert "holds runs/pixmix-s0 made with" in other.stderr and "another --out" in other.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_arena_on_digits(pixmix: Callable[..., Ended], mixing_folder: Path, frost: Path, tmp_path: Path) -> None:
    """Every column of rows of each kind, in some minutes."""
    rows = ["baseline", "pixmix+jsd", "rotpred"]
    done = pixmix(
        *("ablate", "arena", "--dataset", "digits", "--recipe", "quick", "--network", "wrn-10-1", "--epochs", 1),
        *("--subset", 100, "--test-subset", 20, "--workers", 0, "--mixing-set", mixing_folder, "--frost", frost),
        *("--devices", "cpu", "--out", tmp_path, "--rows", "baseline", "pixmix", "rotpred"),
        *("--plus", "jsd", "--seeds", 0, 1),
    )
    assert done.returncode == 0, done.stderr
    table = json.loads((tmp_path / "table-arena.json").read_text())
    assert table["title"].startswith("PixMix and its rivals on digits; scaled: wrn-10-1, 1 epoch")
    assert [row["name"] for row in table["rows"]] == rows
    for index, column in enumerate(table["columns"]):
        cells = [row["cells"][index] for row in table["rows"]]
        if "RMS (ref.)" in column["heading"]:  # so few images are one bin, which the paper's code leaves out
            assert all(cell["mean"] is None for cell in cells)
            continue
        for cell in cells:
            assert len(cell["values"]) == 2 and cell["paper"] is None, column
            assert cell["interval"][0] <= cell["mean"] <= cell["interval"][1]
        assert sum(cell["best"] for cell in cells) >= 1
        assert not any(cell["best"] and cell["close"] for cell in cells)
    assert any(" ≈ |" in line for line in (tmp_path / "table-arena.md").read_text().splitlines())


def test_frost_is_missed_before_training(
    pixmix: Callable[..., Ended], colours: Path, mixing_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "none").mkdir()
    done = pixmix(*words(colours, mixing_folder, tmp_path / "none", tmp_path / "out"))
    assert (done.returncode, done.stderr.startswith("error: --frost: ")) == (2, True)
    assert not (tmp_path / "out" / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["1", "--dataset", "nothing"], "dataset nothing: unknown; use digits, cifar10"),
        (["1", "--dataset", "folder:nowhere"], "folder:nowhere: has no folder train/"),
        (["1", "--network", "wrn-3-3"], "network wrn-3-3: depths are 10, 16"),
        (["1", "--lr", "0"], "--lr: a number above 0 and at most 1000 is needed, got 0.0"),
        (["1", "--devices", "cuda:99"], "device cuda:99: "),
        (["1", "--out", "file"], "file/table-1.json cannot be written (Not a directory)"),
    ],
)
def test_what_cannot_be_is_told_before_anything_runs(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(InputError) as caught:
        ablate(parse(AblateConfig, "pixmix ablate", arguments))
    assert str(caught.value).startswith(message)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
