"""What cannot be is said before anything is trained or made, by `pixmix train`, `ablate` and `ablate --plan` alike."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from run_samples import quick

from mixset._common.errors import InputError
from mixset._common.parsing import parse
from pixmix.train._ablations import AblateConfig, ablate, runner
from pixmix.train._data import mixing_sets
from pixmix.train._training.loop import Training
from pixmix.train._training.run import train


class Began(Exception):
    """A training or a task began."""


@pytest.fixture(autouse=True)
def _nothing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(*_: object, **__: object) -> None:
        raise Began

    monkeypatch.setattr(Training, "run", begin)
    monkeypatch.setattr(runner, "carry_out", begin)


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A data set of two classes with two images each, for training and for testing."""
    chance = np.random.default_rng(0)
    for part in ("train/a", "train/b", "test/a", "test/b"):
        (tmp_path / "few" / part).mkdir(parents=True)
        for number in range(2):
            image = Image.fromarray(chance.integers(0, 256, (32, 32, 3), np.uint8))
            image.save(tmp_path / "few" / part / f"{number}.png")
    return tmp_path / "few"


def test_too_few_test_images_for_a_suite(few: Path, tmp_path: Path) -> None:
    config = quick(few, tmp_path / "run", suite=("clean", "anomalies"))
    with pytest.raises(InputError, match=r"anomalies.* 5 .*there are 4; "):
        train(config)
    assert not (tmp_path / "run").exists()
    with pytest.raises(Began):  # the control
        train(quick(few, tmp_path / "run", suite=("clean",)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"init": "no.pt"}, r"no\.pt"),
        ({"outliers": Path("nowhere")}, "outliers: is for the method oe"),
        ({"network": "nowhere:net"}, "nowhere:net"),
        ({"suite": ("anomalies",), "test_subset": 3}, "anomalies"),
        ({"copies": Path("nowhere")}, "copies: is for the methods sin and edsr"),
    ],
)
def test_the_default_set_is_made_when_all_else_is_right(
    colours: Path, tmp_path: Path, changes: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes a minute."""

    def make(size: int) -> Path:
        raise Began

    monkeypatch.setattr(mixing_sets, "default_set", make)
    settings = {"method": "pixmix", "mixing_set": ("fractals",), **changes}
    with pytest.raises(InputError, match=message):
        train(quick(colours, tmp_path / "run", **settings))
    with pytest.raises(Began):  # the control
        train(quick(colours, tmp_path / "run", method="pixmix", mixing_set=("fractals",)))
    assert not (tmp_path / "run").exists()


@pytest.fixture
def table(colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A table's arguments in a folder where all of it is there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frost").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("a file\n")
    chance = np.random.default_rng(0)
    for name in ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg"):
        Image.fromarray(chance.integers(0, 256, (90, 90, 3), np.uint8)).save(tmp_path / "frost" / name)
    shutil.copytree(tmp_path / "frost", tmp_path / "set")
    data = ["--dataset", f"folder:{colours}", "--recipe", "quick", "--network", "wrn-10-1", "--devices", "cpu"]
    return ["1", *data, "--rows", "mix-aug", "--frost", "frost", "--mixing-set", "set", "--out", "out"]


@pytest.mark.parametrize("plan", [True, False])
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--mixing-set nowhere", "nowhere"),
        ("--mixing-set empty", "empty"),
        ("--mixing-set set --weights 0", "weights: all are zero"),
        ("--c nowhere", "nowhere"),
        ("--p empty", "empty"),
        ("--ood nowhere", "nowhere"),
        ("--ood file", "file"),
        ("--frost empty", "frost: "),
        ("--rows mix-aug oe --outliers nowhere", "outliers nowhere: no such folder or file"),
        ("--rows mix-aug sin --copies nowhere", "copies nowhere: no such folder"),
        ("--init nowhere.pt", "nowhere.pt"),
        ("--network resnet5000", "resnet5000"),
        ("--test-subset 3", "anomalies"),
        ("--test-subset 4", "test_subset 4: must be a multiple of the 3 classes"),
        ("--subset 600", "subset 600"),
        ("--out file", "file/table-1.json cannot be written (Not a directory)"),
        (f"--out {'z' * 300}", "cannot be written (File name too long)"),
        ("--devices cuda:99", "device cuda:99"),
        ("--dataset folder:nowhere", "folder:nowhere"),
    ],
)
def test_a_table_is_refused_before_anything_is_made(table: list[str], flags: str, message: str, plan: bool) -> None:
    before = sorted(Path().iterdir())
    words = [*table, *flags.split(), *(["--plan"] if plan else [])]
    with pytest.raises(InputError) as caught:
        ablate(parse(AblateConfig, "pixmix ablate", words))
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert sorted(Path().iterdir()) == before


def test_a_table_of_which_all_is_there_begins(table: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The control."""
    assert ablate(parse(AblateConfig, "pixmix ablate", [*table, "--plan"])) is None
    assert "pixmix train" in capsys.readouterr().out and not Path("out").exists()
    with pytest.raises(Began):
        ablate(parse(AblateConfig, "pixmix ablate", table))
    assert not Path("out").exists()


def test_a_data_set_that_is_not_here_is_said_by_a_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["10", "--rows", "mix-input", "--c", str(tmp_path), "--out", str(tmp_path / "out"), "--data-folder"]
    ablate(parse(AblateConfig, "pixmix ablate", [*words, str(tmp_path / "data"), "--plan"]))
    assert f"cifar100 is not in {tmp_path / 'data'}: the first run downloads it" in capsys.readouterr().err
