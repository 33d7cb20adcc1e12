"""The page's sections on calibration and selective prediction, made of what the suite calibration measures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_samples import write_run

from mixset._common.errors import InputError
from pixmix._evaluators.standard import all_calibration_of
from pixmix._evaluators.temperatures import fit_on
from pixmix.train._reports.calibration import calibration
from pixmix.train._reports.report import ReportConfig, report
from pixmix.train._reports.runs import Run, read_run
from pixmix.train._reports.selective import selective
from pixmix.train._reports.table import as_grid


def run_of(folder: Path, name: str = "", **changes: Any) -> Run:
    """A run whose suite calibration is changed; None takes a measure away."""
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["calibration"] |= changes
    metrics["calibration"] = {key: value for key, value in metrics["calibration"].items() if value is not None}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return read_run(folder, name or folder.name)


def logits(count: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, count)
    return 3 * (random.normal(size=(count, 4)) + 1.5 * np.eye(4)[labels]), labels


def measured(tmp_path: Path, name: str, seed: int) -> Run:
    """A run whose suite calibration is computed."""
    folder = write_run(tmp_path / name, 0.2)
    entries = all_calibration_of(*logits(seed=seed), seed=0, held_out=fit_on(*logits(100, seed + 10)))
    return run_of(folder, **json.loads(json.dumps(entries)))


def points(panel: str, style: str) -> list[tuple[float, float]]:
    """The corners of the one line in a style."""
    (path,) = re.findall(rf'<path class="line {style}" d="M([^"]+)"', panel)
    return [(float(x), float(y)) for x, y in (pair.split() for pair in path.split("L"))]


def test_a_curve_is_the_risk_at_each_coverage(tmp_path: Path) -> None:
    run = run_of(write_run(tmp_path / "run", 0.3))
    values = selective([run]).values
    risks, errors = values["panels"]
    curve = run.entry("calibration", "risk_coverage")
    assert len(points(risks.__html__(), "s0 d0")) == 20
    for panel, heights in ((risks, curve["risk"]), (errors, np.multiply(curve["risk"], curve["coverage"]))):
        drawn = points(panel.__html__(), "s0 d0")
        for (x, y), coverage, height in zip(drawn, curve["coverage"], heights, strict=True):
            assert x == pytest.approx(panel._x(coverage), abs=0.06)
            assert y == pytest.approx(panel._y(100 * height), abs=0.06)
    # The axis of the left plot holds the accepted 5 %, which is a dashed line.
    assert risks.y.high >= 30 and 'class="line ideal"' in risks.__html__()
    assert "5 % risk at a coverage of 16.7 %" in risks.__html__()


def test_a_jump_at_small_coverage_does_not_set_the_axis(tmp_path: Path) -> None:
    run = run_of(write_run(tmp_path / "run", 0.1))
    curve = {"coverage": [0.01, 0.5, 1.0], "risk": [1.0, 0.02, 0.1], "n": 100}
    run = run_of(run.folder.path, risk_coverage=curve)
    risks = selective([run]).values["panels"][0]
    assert risks.y.high < 20
    assert points(risks.__html__(), "s0 d0")[0][1] == pytest.approx(risks.top, abs=0.06)


def test_the_best_area_is_marked_with_its_interval(tmp_path: Path) -> None:
    one, two = (run_of(write_run(tmp_path / name, error)) for name, error in (("one", 0.25), ("two", 0.125)))
    rows = dict(selective([one, two]).values["rows"])
    assert [*rows] == ["AURC\u00a0↓", "E-AURC\u00a0↓", "AUGRC\u00a0↓", "Coverage at 5 %\u00a0↑"]
    aurc = rows["AURC\u00a0↓"]
    assert [(cell["text"], cell["style"]) for cell in aurc] == [("12.50", ""), ("6.25", "best")]
    assert aurc[0]["interval"] == "11.25 – 13.75"
    covered = rows["Coverage at 5 %\u00a0↑"]
    assert [(cell["text"], cell["style"]) for cell in covered] == [("20.0", ""), ("40.0", "best")]
    alone = dict(selective([one]).values["rows"])
    assert all(cell["style"] == "" for cells in alone.values() for cell in cells)


def test_an_area_without_a_value_is_a_dash(tmp_path: Path) -> None:
    one = run_of(write_run(tmp_path / "one", 0.25), aurc={"undefined": "too few", "n": 1}, e_aurc=None)
    two = run_of(write_run(tmp_path / "two", 0.25), e_aurc=None)
    rows = dict(selective([one, two]).values["rows"])
    assert [cell["text"] for cell in rows["AURC\u00a0↓"]] == ["–", "12.50"] and "E-AURC\u00a0↓" not in rows


def test_runs_of_older_versions_have_no_such_section(tmp_path: Path) -> None:
    run = run_of(write_run(tmp_path / "run", 0.2), risk_coverage=None)
    assert selective([run]).template == ""
    newer = run_of(write_run(tmp_path / "newer", 0.2))
    assert selective([run, newer]).values["names"] == ["newer"]


def test_every_error_is_shown_before_and_after_its_temperature(tmp_path: Path) -> None:
    runs = [measured(tmp_path, "one", 1), measured(tmp_path, "two", 2)]
    values = calibration(runs).values
    assert [panel.title for panel in values["panels"]] == [
        "Reliability",
        "Reliability after scaling",
        "How confident the networks are",
    ]
    rows = dict(values["rows"])
    assert {"Temperature", "ECE", "Adaptive ECE", "Class-wise ECE", "Smooth ECE", "RMS", "NLL", "Brier"} <= rows.keys()
    for index, run in enumerate(runs):
        entries = run.entry("calibration")
        assert rows["Temperature"][index] == {"before": "", "after": f"{entries['temperature']['value']:.2f}"}
        assert rows["ECE"][index]["before"] == f"{100 * entries['ece']['value']:.1f}"
        assert rows["ECE"][index]["after"] == f"{100 * entries['ece_ts']['value']:.1f}"
        assert rows["NLL"][index]["after"] == f"{entries['nll_ts']['value']:.3f}"
        assert rows["Brier"][index]["before"] == f"{100 * entries['brier']['value']:.1f}"
    # These logits are three times too large.
    assert all(float(cell["after"]) > 1.5 for cell in rows["Temperature"])
    assert all(float(cell["after"]) < float(cell["before"]) for cell in rows["ECE"])


def test_the_diagram_after_scaling_is_of_the_scaled_logits() -> None:
    entries = all_calibration_of(*logits(), seed=0, held_out=fit_on(*logits(100, 9)))
    array, labels = logits()
    again = all_calibration_of(array / entries["temperature"]["value"], labels, seed=0)
    assert entries["reliability_ts"] == again["reliability"] != entries["reliability"]


def test_a_run_without_a_temperature_is_named_with_the_reason(tmp_path: Path) -> None:
    fitted = measured(tmp_path, "fitted", 1)
    bare = run_of(write_run(tmp_path / "bare", 0.2, trained=False))
    failed = run_of(write_run(tmp_path / "failed", 0.2), temperature={"undefined": "every answer is right", "n": 9})
    values = calibration([fitted, bare, failed]).values
    assert values["names"] == ["fitted"]
    assert values["unfitted"] == {"bare": "", "failed": "every answer is right"}
    none = calibration([bare]).values
    assert none["rows"] == [] and none["unfitted"] == {} and len(none["panels"]) == 2


def test_the_page_shows_both_sections(tmp_path: Path) -> None:
    runs = (write_run(tmp_path / "one", 0.25), write_run(tmp_path / "two <i>", 0.125, trained=False))
    page = report(ReportConfig(runs=runs, out=tmp_path / "page.html")).read_text()
    assert 'href="#selective"' in page and "<h3>Before and after temperature scaling</h3>" in page
    assert '<span class="was">0.500 → </span>0.250</td>' in page  # the NLL of the first
    assert "<b>two &lt;i&gt;</b> has no temperature, as no images were held out." in page


def test_tables_say_what_is_not_in_per_cent(tmp_path: Path) -> None:
    grid = as_grid([write_run(tmp_path / "one", 0.25)])
    assert grid.notes[0].startswith("in per cent, except for mT5D, NLL and NLL (T);")
    cells = dict(zip(grid.headings, grid.rows[0][1], strict=True))
    assert (cells["NLL ↓"].text, cells["NLL (T) ↓"].text, cells["AURC ↓"].text) == ("0.50", "0.25", "12.50")
    bare = write_run(tmp_path / "two", 0.25, trained=False)
    assert as_grid([bare]).notes[0].startswith("in per cent, except for mT5D;")
    metrics = json.loads((bare / "metrics.json").read_text())
    (bare / "metrics.json").write_text(json.dumps({"clean": metrics["clean"]}))
    assert as_grid([bare]).notes[0].startswith("in per cent;")


@pytest.mark.parametrize("name", ["coverage", "risk"])
@pytest.mark.parametrize("value", [None, 5, [], ["a"], [0.5], [[1]] * 20, [float("nan")] * 20])
def test_a_damaged_curve_is_refused(tmp_path: Path, name: str, value: Any) -> None:
    run = write_run(tmp_path / "run", 0.2)
    curve = {**json.loads((run / "metrics.json").read_text())["calibration"]["risk_coverage"], name: value}
    with pytest.raises(InputError, match=r"calibration\.risk_coverage is not points of a risk–coverage curve"):
        run_of(run, risk_coverage=curve)
