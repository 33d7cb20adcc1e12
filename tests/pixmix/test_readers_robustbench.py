"""RobustBench's board of ImageNet-C: its 5,000 images, and its mCE over AlexNet's errors there."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reader_layouts as layouts
from reader_layouts import C
from torch import Tensor, nn

import pixmix
from mixset._common.errors import InputError
from pixmix import measures
from pixmix.readers import CorruptedSet, _robustbench
from pixmix.readers._robustbench import robustbench_indices, robustbench_numbers

pytestmark = pytest.mark.usefixtures("one_thread")

FEW = frozenset({0, 11, 20})
"""Of the images that the layout makes, whose numbers are 10 times the class and 0, 1, ..."""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_robustbench, "COUNT", len(FEW))
    monkeypatch.setattr(_robustbench, "robustbench_numbers", lambda: FEW)


def test_the_list_is_robustbenchs() -> None:
    numbers = sorted(robustbench_numbers())
    assert len(numbers) == 5_000 and numbers[0] >= 1 and numbers[-1] <= 50_000
    digest = hashlib.sha256(" ".join(map(str, numbers)).encode()).hexdigest()
    assert digest == "8bd4ebd803b6119fe1766bcd34925703fe025b5d527d5dda9905e02bcddebd8b"
    assert {15253, 20685, 39611, 4059, 29201} < {*numbers}  # the first five lines of its file


def test_images_are_told_by_their_names() -> None:
    numbers = list(range(1, 50_001))
    np.random.default_rng(0).shuffle(numbers)
    names = [f"n{number % 1000:08}/ILSVRC2012_val_{number:08}{'_n01440764' * (number % 2)}.JPEG" for number in numbers]
    indices = robustbench_indices(names, "val")
    assert {numbers[index] for index in indices} == robustbench_numbers() and (np.diff(indices) > 0).all()
    with pytest.raises(InputError, match=r"val: RobustBench's 5,000 images are ILSVRC2012_val_\*\.JPEG of ImageNet"):
        robustbench_indices(names[:40_000], "val")
    with pytest.raises(InputError, match="some of them twice"):
        robustbench_indices([*names, *names], "val")
    with pytest.raises(InputError, match="it has 0 of them"):
        robustbench_indices(["ILSVRC2012_val_000000110.JPEG", "cat.png"], "val")


def test_alexnets_errors_are_those_of_its_row() -> None:
    alexnet = measures.robustbench_alexnet_errors()
    assert {*alexnet} == {*C}
    assert 1 - measures.mce(alexnet) == pytest.approx(0.2112, abs=5e-5)  # its corruptions_acc
    assert measures.mce(alexnet, alexnet) == pytest.approx(1)
    whole = measures.alexnet_errors()  # on ten times as many images
    assert all(abs(alexnet[name][1] - np.mean(list(whole[name].values()))) < 0.015 for name in C)


@pytest.mark.usefixtures("few")
def test_a_set_keeps_these_images_and_their_labels(tmp_path: Path) -> None:
    layouts.imagenet_c(tmp_path / "set", ("fog",))
    files: Any = CorruptedSet(tmp_path / "set", "c", partial=True, robustbench=True).images("fog", 3)
    assert [Path(name).name for name in files.names] == [f"ILSVRC2012_val_{number:08}.JPEG" for number in sorted(FEW)]
    assert files.labels.tolist() == [0, 1, 2]
    (tmp_path / "set" / "fog" / "3" / layouts.WNIDS[1] / "ILSVRC2012_val_00000010.JPEG").unlink()
    assert "fog/3" in layouts.refused(tmp_path / "set", robustbench=True)  # is looked at before they are chosen


@pytest.mark.usefixtures("few")
def test_sets_without_these_images_are_refused(tmp_path: Path) -> None:
    line = layouts.refused(layouts.imagenet_c(tmp_path / "one", C, per_class=1), robustbench=True)
    assert "RobustBench's 3 images" in line and "it has 2 of them" in line
    assert "it has 0 of them" in layouts.refused(layouts.cifar_c(tmp_path / "arrays"), robustbench=True)


class Shades(nn.Module):
    """Tells the layout's classes by their shades, but takes the third for the second."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, x: Tensor) -> Tensor:
        answers = (x.mean((1, 2, 3)) * 255 / 40).round().long().clamp(0, 1)
        return 9.0 * nn.functional.one_hot(answers, self.classes)


@pytest.mark.usefixtures("few")
def test_the_boards_mce(tmp_path: Path) -> None:
    root, network = layouts.imagenet_c(tmp_path / "set", C, side=32), Shades()
    whole = pixmix.evaluate(network, "c", sets={"c": CorruptedSet(root, "c", size=32)})["c"]
    assert "mce_robustbench" not in whole
    found = pixmix.evaluate(network, "c", sets={"c": CorruptedSet(root, "c", size=32, robustbench=True)})["c"]
    alexnet = measures.constants("alexnet_robustbench")["errors"]
    ces = [sum(found[name]["severities"].values()) / (5 * alexnet[name]) for name in C]
    entry = found["mce_robustbench"]
    assert entry["value"] == pytest.approx(np.mean(ces)) and entry["n"] == len(FEW)
    assert found["fog"]["value"] == pytest.approx(1 / 3)
    assert entry["interval"][0] < entry["value"] < entry["interval"][1]
    root = layouts.imagenet_c(tmp_path / "part", C[:3], side=32)
    part = CorruptedSet(root, "c", size=32, partial=True, robustbench=True)
    undefined = pixmix.evaluate(network, "c", sets={"c": part})["c"]["mce_robustbench"]
    assert "all 15 corruptions" in undefined["undefined"] and "value" not in undefined
    assert "mce_robustbench" not in pixmix.evaluate(Shades(3), "c", sets={"c": part})["c"]
