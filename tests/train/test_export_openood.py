"""`pixmix export openood`: the rows of OpenOOD's boards."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mixset._common.errors import InputError
from pixmix.train._command.cli import main
from pixmix.train._exports.openood_rows import export
from pixmix.train._runs.config import recipe

HEADER = "Training,Postprocessor,Near-OOD_AUROC,Far-OOD_AUROC,ID_Accuracy,Outlier_Data,Arch,Additional_Description"


def around(mean: float, deviation: float) -> list[float]:
    """Three fractions with this mean and this population's standard deviation, both in per cent."""
    step = deviation * math.sqrt(3 / 2)
    return [(mean + sign * step) / 100 for sign in (-1, 0, 1)]


def section(near: float, far: float, accuracy: float, scores: Sequence[str]) -> dict[str, Any]:
    detected = {"near": {"auroc": {"value": near}}, "far": {"auroc": {"value": far}}}
    return {"error": {"value": 1 - accuracy}, "scores": dict.fromkeys(scores, detected)}


def write_run(
    folder: Path,
    own: dict[str, Any],
    *,
    benchmark: str = "cifar10",
    full: dict[str, Any] | None = None,
    problems: Sequence[str] = (),
    **config: Any,
) -> Path:
    """A run that measured the suite; without a config the folder of an evaluation."""
    folder.mkdir(parents=True)
    openood = {"set": {"benchmark": benchmark, "problems": list(problems)}, **own}
    if full is not None:
        openood["full_spectrum"] = full
    (folder / "metrics.json").write_text(json.dumps({"openood": openood}))
    if config:
        described = {**recipe("cifar").to_json(), "network": "resnet18", **config}
        (folder / "config.json").write_text(json.dumps({"config": described}))
    return folder


def three(
    root: Path, cells: Sequence[tuple[float, float]], scores: Sequence[str] = ("msp",), **config: Any
) -> list[Path]:
    """Three seeds of one training, with these means and deviations of near, far and accuracy."""
    columns = [around(*cell) for cell in cells]
    return [
        write_run(root / f"s{seed}", section(near, far, accuracy, scores), **config, seed=seed, out=f"s{seed}")
        for seed, (near, far, accuracy) in enumerate(zip(*columns, strict=True))
    ]


def test_rows_are_those_of_the_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixmix = three(tmp_path / "pixmix", [(93.07, 0.15), (95.65, 0.14), (95.15, 0.09)], ("msp", "knn"), method="pixmix")
    both = three(tmp_path / "both", [(94.86, 0.14), (98.18, 0.14), (95.91, 0.25)], method="pixmix+rotpred")
    plain = three(
        tmp_path / "plain", [(88.03, 0.25), (90.73, 0.43), (95.06, 0.30)], ("temperature",), method="baseline"
    )
    exposed = three(tmp_path / "oe", [(94.82, 0.21), (96.0, 0.13), (94.63, 0.26)], ("vim",), method="oe", epochs=60)
    runs = [*pixmix, *both, *plain, *exposed[::-1], pixmix[0]]
    monkeypatch.setattr(sys, "argv", ["pixmix", "export", "openood", *map(str, runs), "--out", str(tmp_path / "out")])
    main()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["cifar10.csv"]
    assert (tmp_path / "out" / "cifar10.csv").read_text(encoding="utf-8").splitlines() == [
        HEADER,
        "PixMix,MSP,93.07 ± 0.15,95.65 ± 0.14,95.15 ± 0.09,No,ResNet18,100 epochs",
        "PixMix,KNN,93.07 ± 0.15,95.65 ± 0.14,95.15 ± 0.09,No,ResNet18,100 epochs",
        "RotPred + PixMix,MSP,94.86 ± 0.14,98.18 ± 0.14,95.91 ± 0.25,No,ResNet18,100 epochs",
        "CrossEntropy,TempScale,88.03 ± 0.25,90.73 ± 0.43,95.06 ± 0.30,No,ResNet18,100 epochs",
        "OE,VIM,94.82 ± 0.21,96.00 ± 0.13,94.63 ± 0.26,Yes,ResNet18,60 epochs",
    ]


def test_the_full_spectrum_has_a_board_of_its_own(tmp_path: Path) -> None:
    own, full = section(0.7477, 0.85, 0.76, ["msp"]), section(0.5, 0.6, 0.5435, ["msp"])
    one = write_run(tmp_path / "one", own, benchmark="imagenet", full=full, method="pixmix", network="wrn-40-4")
    other = write_run(tmp_path / "other", own, benchmark="imagenet200", method="pixmix", network="wrn-40-4")
    cifar = write_run(tmp_path / "cifar", own, full=full, method="pixmix")
    written = export([one, other, cifar], tmp_path / "out")
    assert [path.name for path in written] == [
        "imagenet1k_ood.csv",
        "imagenet1k_fsood.csv",
        "imagenet200_ood.csv",
        "cifar10.csv",
    ]
    rows = [path.read_text(encoding="utf-8").splitlines()[1:] for path in written]
    assert rows[0] == ["PixMix,MSP,74.77,85.00,76.00,No,WRN-40-4,100 epochs"]
    assert rows[1] == ["PixMix,MSP,50.00,60.00,54.35,No,WRN-40-4,100 epochs"]


def test_evaluations_say_what_they_know(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, section(value, 0.9, 0.95, ["gen"])) for name, value in (("a", 0.8), ("b", 0.9))]
    (written,) = export(runs, tmp_path / "out")
    assert written.read_text(encoding="utf-8").splitlines()[1] == "?,GEN,85.00 ± 5.00,90.00 ± 0.00,95.00 ± 0.00,?,?,"


def test_what_has_no_row_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = write_run(tmp_path / "one", section(0.8, 0.9, 0.95, ["msp", "klm", "mine"]), method="pixmix", seed=1)
    two = write_run(tmp_path / "two", section(0.8, 0.9, 0.95, ["msp", "mine"]), method="pixmix", seed=2)
    (written,) = export([one, two], tmp_path / "out")
    assert [line.split(",")[1] for line in written.read_text(encoding="utf-8").splitlines()[1:]] == ["MSP", "mine"]
    said = capsys.readouterr().err
    assert "no row for klm, which not all 2 runs have a value of" in said
    assert "mine: not in the board's utils/papers.csv" in said


def test_what_does_not_belong_on_the_board_is_refused(tmp_path: Path) -> None:
    own = section(0.8, 0.9, 0.95, ["msp"])
    left = write_run(tmp_path / "left", own, problems=["test_svhn.txt: missing"], method="pixmix")
    with pytest.raises(InputError, match=r"measured without all images of the benchmark \(test_svhn.txt: missing\)"):
        export([left], tmp_path / "out")
    for name, metrics, complaint in (
        ("none", {"clean": {}}, "did not measure the suite openood"),
        ("rounded", {"precision": "bf16", "openood": {"set": {}}}, "is measured in bf16"),
        ("damaged", {"openood": {"set": {"benchmark": "mnist", "problems": []}}}, "measure the suite openood again"),
        ("short", {"openood": {"set": {"benchmark": "cifar10", "problems": []}}}, "measure the suite openood again"),
        ("list", {"openood": []}, "measure the suite openood again"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text(json.dumps(metrics))
        with pytest.raises(InputError, match=complaint):
            export([tmp_path / name], tmp_path / "out")
    assert not (tmp_path / "out").exists()
