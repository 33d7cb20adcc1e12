"""Measures in bfloat16 as commands: shown with their difference to float32, and in no table beside it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from report_samples import write_run
from run_samples import quick

from mixset._common.errors import InputError
from pixmix.train._command.cli import main
from pixmix.train._reports.report import ReportConfig, report
from pixmix.train._reports.table import as_grid, differences
from pixmix.train._runs.records import read_metrics
from pixmix.train._training.run import train

Ran = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ran:
    """Runs a command: exit code, stdout, stderr."""

    def command(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", list(words))
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, " ".join(said.out.split()), said.err

    return command


@pytest.fixture(scope="module")
def run(colours: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    train(quick(colours, out))
    return out


def rounded(folder: Path) -> Path:
    """The folder, as if it had been measured in bfloat16."""
    path = folder / "metrics.json"
    path.write_text(json.dumps({"precision": "bf16", **json.loads(path.read_text())}))
    return folder


def test_evaluate_shows_what_bfloat16_changes(run: Path, tmp_path: Path, ran: Ran) -> None:
    arguments = ("pixmix", "evaluate", str(run), "--suite", "clean", "calibration", "--eval-precision", "bf16")
    code, _, said = ran(*arguments)
    assert code == 2 and said == f"error: {run}: holds measures in float32, not bf16; choose another --out\n"
    code, out, _ = ran(*arguments, "--out", str(tmp_path / "bf16"))
    assert code == 0
    assert "measured in bfloat16" in out and "What bfloat16 changes" in out
    assert "not measured in float32: RMS" in out  # the run has its clean error alone
    assert read_metrics(tmp_path / "bf16" / "metrics.json")["precision"] == "bf16"
    assert "precision" not in read_metrics(run / "metrics.json")
    code, _, said = ran("pixmix", "evaluate", str(run), "--suite", "clean", "--out", str(tmp_path / "bf16"))
    assert code == 2 and "holds measures in bf16, not float32" in said
    code, _, said = ran("pixmix", "evaluate", "--logits", "x.npz", "--eval-precision", "bf16")
    assert code == 2 and said.startswith("error: --logits: are measured as they are")


def test_a_run_may_be_measured_in_bfloat16(colours: Path, tmp_path: Path) -> None:
    metrics = train(quick(colours, tmp_path / "run", eval_precision="bf16"))
    assert metrics is not None and metrics["precision"] == "bf16"
    with pytest.raises(InputError, match="holds a run with eval_precision bf16, not float32"):
        train(quick(colours, tmp_path / "run", resume=True))


def test_differences_have_each_measure_of_both() -> None:
    one = {"clean": {"error": {"value": 0.0823}}, "p": {"mt5d": {"value": 2.5}}, "c": {"mce": {"value": 0.2}}}
    other = {"clean": {"error": {"value": 0.0821}}, "p": {"mt5d": {"value": 2.25}}}
    grid = differences(one, other)
    assert [(name, [cell.text for cell in cells]) for name, cells in grid.rows] == [
        ("Clean error", ["8.230", "8.210", "+0.020"]),
        ("mT5D", ["2.5000", "2.2500", "+0.2500"]),
    ]
    assert grid.notes == ["not measured in float32: C mCE"]


def test_no_table_has_both_formats(tmp_path: Path) -> None:
    one, other = write_run(tmp_path / "one", 0.1), rounded(write_run(tmp_path / "other", 0.2))
    line = "one is measured in float32, other in bf16: they stand in no table side by side"
    with pytest.raises(InputError, match=line):
        as_grid([one, other])
    with pytest.raises(InputError, match=line):
        report(ReportConfig(runs=(one, other), out=tmp_path / "page.html"))
    report(ReportConfig(runs=(other,), out=tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text()
    assert "of digits in bfloat16?" in page
    assert as_grid([other]).notes[0].endswith("; measured in bfloat16")
    assert not any("bfloat16" in note for note in as_grid([one]).notes)
