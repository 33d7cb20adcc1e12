"""The report page's ladder of AutoAttack's radii, its table of scores, and the flags of both in its commands."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from report_samples import of, page_of, write_run

from pixmix.train._reports.ladder import ladders
from pixmix.train._reports.repeat import repeat
from pixmix.train._reports.runs import Run, read_run


def run_of(folder: Path, **suites: Any) -> Run:
    """A run with other measures of some suites."""
    path = folder / "metrics.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **suites}))
    return read_run(folder, folder.name)


def climbed(*errors: float, norm: str = "linf", warnings: list[str] | None = None) -> dict[str, Any]:
    """What the suite autoattack says of radii of 1, 2, 4, ... 255ths."""
    suite: dict[str, Any] = {"clean_error": {"value": 0.1, "n": 60, "interval": [0.05, 0.2], "seed": 3}}
    for step, error in enumerate(errors):
        radius = f"{2**step}/255"
        about = {"norm": norm, "radius": radius, "epsilon": 2**step / 255, "warnings": warnings or []}
        suite[f"error_{norm}_{radius}"] = {"value": error, "n": 60, "interval": [error - 0.1, error], **about}
    return suite


def row(text: str, head: str) -> list[str]:
    """The cells of a row, each with what stands below it."""
    found = re.search(rf'<th scope="row">{re.escape(head)}</th>(.*?)</tr>', text, re.DOTALL)
    assert found is not None, head
    cells = re.findall(r"<td.*?>(.*?)</td>", found[1], re.DOTALL)
    return [re.sub(r"\s+", " ", re.sub(r"<br>|<small>", " ", cell).replace("</small>", "")).strip() for cell in cells]


def test_a_ladder_is_shown_with_the_interval_at_each_radius(tmp_path: Path) -> None:
    run_of(write_run(tmp_path / "one", 0.1), autoattack=climbed(0.3, 0.5, 0.9, warnings=["gradients <vanish>"]))
    run_of(write_run(tmp_path / "two", 0.2), autoattack=climbed(0.2, 0.6))
    page = page_of(tmp_path / "one", tmp_path / "two")
    text = page[page.index('id="autoattack"') :]
    text = text[: text.index("</section>")]
    assert row(text, "no attack") == ["10.0 5.0 – 20.0", "10.0 5.0 – 20.0"]
    assert row(text, "1/255") == ["30.0 20.0 – 30.0", "20.0 10.0 – 20.0"]
    assert row(text, "4/255") == ["90.0 80.0 – 90.0", "–"]
    assert [name for name in ("1/255", "2/255", "4/255") if f'class="best" title="60 images">{name}' in text] == []
    assert 'class="best" title="60 images">20.0' in text and 'class="best" title="60 images">50.0' in text
    assert "gradients &lt;vanish&gt;" in text and "radius, in 255ths" in text
    assert text.count("<title>one: 50.0 % at 2/255</title>") == 1


def test_each_norm_has_a_plot_of_its_own_and_radii_are_in_order(tmp_path: Path) -> None:
    both = climbed(0.3) | climbed(0.2, 0.4, norm="l2")
    both = dict(reversed(both.items()))
    run = run_of(write_run(tmp_path / "one", 0.1), autoattack=both)
    values = ladders([run]).values
    assert [panel.title for panel in values["panels"]] == ["AutoAttack in ℓ∞", "AutoAttack in ℓ2"]
    assert [head for head, _ in values["tables"][1][2]] == ["no attack", "1/255", "2/255"]


@pytest.mark.parametrize("broken", [{"epsilon": "2/255"}, {"epsilon": float("nan")}, {"norm": "l1"}])
def test_a_radius_that_is_none_is_left_out(tmp_path: Path, broken: dict[str, Any]) -> None:
    suite = climbed(0.3, 0.5)
    suite["error_linf_2/255"] |= broken
    run = run_of(write_run(tmp_path / "one", 0.1), autoattack=suite)
    assert [head for head, _ in ladders([run]).values["tables"][0][2]] == ["no attack", "1/255"]


def test_without_a_ladder_there_is_no_section(tmp_path: Path) -> None:
    assert 'id="autoattack"' not in page_of(write_run(tmp_path / "one", 0.1))


def scored(**scores: dict[str, Any]) -> dict[str, Any]:
    """What the suite anomalies says of two sets and their mean, by MSP and other scores."""
    names = ("gaussian", "textures", "mean")
    return {name: {"auroc": of(0.8, n_ood=12, seed=0), "aupr": of(0.5), **scores} for name in names}


def test_other_scores_stand_beside_msp(tmp_path: Path) -> None:
    knn, gen = {"auroc": of(0.85), "fpr95": of(0.25)}, {"undefined": "too few"}
    run_of(write_run(tmp_path / "one", 0.1), anomalies=scored(knn=knn, gen=gen))
    run_of(write_run(tmp_path / "two", 0.2), anomalies=scored())
    page = page_of(tmp_path / "one", tmp_path / "two")
    text = page[page.index("By other scores") :]
    assert row(text, "msp") == ["80.0 AUPR 50.0", "80.0 AUPR 50.0"]
    assert row(text, "knn") == ["85.0 FPR95 25.0", "–"]
    assert "Scores on outliers: <b>gaussian</b>" in text and "gen</th>" not in text
    assert 'class="best">85.0' in text
    assert "By other scores" not in page_of(write_run(tmp_path / "three", 0.1))


def command(run: Run) -> str:
    """The command that measures a run."""
    lines = [line for line in repeat([run]).values["commands"] if line.startswith("pixmix evaluate")]
    assert len(lines) == 1
    return lines[0]


def test_commands_name_scores_their_settings_and_what_they_were_prepared_from(tmp_path: Path) -> None:
    auroc = {"auroc": of(0.85)}
    knn = {**auroc, "settings": {"k": 7}, "training": "digits"}
    gen = {**auroc, "settings": {"gamma": 0.1, "largest": 50}, "trials": [], "held_out": "held", "tuning": "un tuned"}
    mds = {**auroc, "training": "folder:more"}
    own = {**auroc, "settings": {"power": 2}}
    scores = {"knn": knn, "gen": gen, "mds": mds, "energy": auroc, "mine.py:make": own}
    run = run_of(write_run(tmp_path / "one", 0.1), anomalies=scored(**scores))
    line = command(run)
    assert "--score knn gen mds energy mine.py:make --score-settings knn.k=7 mine.py:make.power=2" in line
    assert "--calibrate-on held --tune-on 'un tuned' --training-images folder:more" in line
    assert "--suite c cbar p anomalies" in line or "--suite anomalies c cbar p" in line


def test_the_papers_scores_with_their_defaults_need_no_flag(tmp_path: Path) -> None:
    entry = {"auroc": of(0.85)}
    run = run_of(write_run(tmp_path / "one", 0.1), anomalies=scored(energy=entry, max_logit=entry))
    assert not re.search("--score|--calibrate-on|--tune-on|--training", command(run))


@pytest.mark.parametrize(("where", "flags"), [("calibration", "--suite calibration"), ("v2", "--suite c")])
def test_commands_say_what_a_temperature_was_fitted_on(tmp_path: Path, where: str, flags: str) -> None:
    entry = {"value": 1.2, "n": 30, "fitted_on": "held"}
    measured = {"temperature": entry} if where == "calibration" else {"top_images": {"temperature": entry}}
    line = command(run_of(write_run(tmp_path / "one", 0.1), **{where: measured}))
    assert flags in line and "--calibrate-on held" in line


def test_commands_name_the_benchmark_and_what_was_left_out(tmp_path: Path) -> None:
    openood = {"set": {"benchmark": "cifar100", "problems": ["few"]}, "scores": {"msp": {}, "knn": {}}}
    line = command(run_of(write_run(tmp_path / "one", 0.1), openood=openood))
    assert "openood" in line.split("--suite")[1].split("--")[0] and "--openood data/benchmark_imglist/cifar100" in line
    assert "--partial --score knn" in line
    best = run_of(write_run(tmp_path / "best", 0.1, trained=False), checkpoint="best")
    assert "pixmix evaluate resnet50 --checkpoint best --dataset digits" in command(best)
