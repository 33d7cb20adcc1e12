"""The report page's table of near and far outliers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from report_samples import page_of, write_run


def add_openood(run: Path, scores: dict[str, tuple[float, float]], full: dict[str, tuple[float, float]]) -> Path:
    """Measures of the suite openood for a run: score → near and far AUROC."""

    def section(of: dict[str, tuple[float, float]]) -> dict[str, Any]:
        return {
            score: {
                group: {"auroc": {"value": value, "n": 9, "interval": [value - 0.1, value]}}
                for group, value in zip(("near", "far"), values, strict=True)
            }
            for score, values in of.items()
        }

    path = run / "metrics.json"
    metrics = json.loads(path.read_text())
    openood: dict[str, Any] = {"set": {"benchmark": "cifar10"}, "scores": section(scores)}
    openood["scores"]["klm"] = {"undefined": "no validation images"}
    if full:
        openood["full_spectrum"] = {"scores": section(full)}
    path.write_text(json.dumps({**metrics, "openood": openood}))
    return run


def cells(page: str, row: str) -> list[str]:
    """The cells of a row of the section, without their marks."""
    text = page[page.index('id="near-far"') :]
    found = re.search(rf"{re.escape(row)}</th>(.*?)</tr>", text, re.DOTALL)
    assert found is not None, row
    return [
        re.sub(r"\s+|<small>.*?</small>", "", cell) for cell in re.findall(r"<td.*?>(.*?)</td>", found[1], re.DOTALL)
    ]


def test_scores_of_runs_stand_beside_each_other(tmp_path: Path) -> None:
    one = add_openood(write_run(tmp_path / "one", 0.1), {"msp": (0.9, 0.95), "gen": (0.91, 0.9)}, {"msp": (0.6, 0.7)})
    two = add_openood(write_run(tmp_path / "two", 0.2), {"msp": (0.8, 0.961)}, {})
    page = page_of(one, two)
    assert cells(page, "one, msp") == ["90.0", "95.0"]
    assert cells(page, "one, gen") == ["91.0", "90.0"]
    assert cells(page, "two, msp") == ["80.0", "96.1"]
    assert "cifar10, full spectrum" in page
    assert "klm" not in page[: page.index('id="repeat"')]
    assert 'class="best">91.0' in page and 'class="best">96.1' in page
    assert "80.0 – 90.0" in page


def test_without_the_suite_there_is_no_section(tmp_path: Path) -> None:
    assert 'id="near-far"' not in page_of(write_run(tmp_path / "one", 0.1))
