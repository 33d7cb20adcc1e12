"""`pixmix evaluate --suite openood`, and the board's rows of what it measured."""

from __future__ import annotations

from pathlib import Path

import openood_folders as openood
import pytest
from evaluate_samples import configure

from mixset._common.errors import InputError
from pixmix.train._evaluation.evaluate import evaluate
from pixmix.train._exports.openood_rows import export
from pixmix.train._reports.table import as_grid

NETWORK = """
import torch


def make():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.AvgPool2d(8), torch.nn.Flatten(), torch.nn.ReLU(), torch.nn.Linear(48, 10))
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    (tmp_path / "net.py").write_text(NETWORK)
    return f"{tmp_path / 'net.py'}:make"


def test_a_benchmark_is_measured_and_exported(tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    openood.official(monkeypatch)
    folder = openood.cifar(tmp_path / "data")
    words: tuple[object, ...] = (
        "--suite",
        "openood",
        "--openood",
        folder,
        "--out",
        tmp_path / "out",
        "--mean",
        0.5,
        0.5,
        0.5,
    )
    words += ("--score", "gen", "knn", "ash_b", "--score-settings", "knn.k=3")
    found = evaluate(configure(model, *words, "--std", 0.25, 0.25, 0.25))
    assert found is not None
    assert [*found["openood"]["scores"]] == ["msp", "gen", "knn", "ash_b"]
    assert len(found["openood"]["scores"]["ash_b"]["trials"]) == 7
    grid = as_grid([tmp_path / "out"])
    assert grid.headings == ["OpenOOD near ↑", "OpenOOD far ↑"]
    (written,) = export([tmp_path / "out"], tmp_path / "boards")
    near, far = (100 * found["openood"]["scores"]["knn"][group]["auroc"]["value"] for group in ("near", "far"))
    accuracy = 100 * (1 - found["openood"]["error"]["value"])
    row = next(line for line in written.read_text(encoding="utf-8").splitlines() if ",KNN," in line)
    assert row == f"?,KNN,{near:.2f},{far:.2f},{accuracy:.2f},?,?,"


def test_what_it_lacks_is_found_before_anything_is_measured(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    openood.official(monkeypatch)
    folder = openood.cifar(tmp_path / "data")
    out = ("--out", tmp_path / "out")
    with pytest.raises(InputError, match=r"suite openood: needs the folder of its set, `openood` PATH$"):
        evaluate(configure(model, "--suite", "openood", *out))
    with pytest.raises(InputError, match=r"--openood .*: is for the suite openood; add it to --suite"):
        configure(model, "--suite", "clean", "--openood", folder)
    with pytest.raises(InputError, match="--tune-on: is for the suite anomalies"):
        configure(model, "--suite", "openood", "--openood", folder, "--tune-on", folder)
    with pytest.raises(InputError, match="--score: is for the suites anomalies and openood"):
        configure(model, "--suite", "clean", "--score", "knn")
    (folder / "test_tin.txt").unlink()
    with pytest.raises(InputError, match=r"test_tin.txt: missing; .*, or leave it out with `partial`"):
        evaluate(configure(model, "--suite", "openood", "--openood", folder, *out))
    assert not (tmp_path / "out").exists()
