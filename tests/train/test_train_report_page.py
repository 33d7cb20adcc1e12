"""What the sections of the report page say, and when they are there."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_samples import IMAGES, OUTLIERS, write_run

from mixset._common.errors import InputError
from mixset._store import manifest
from mixset.generate import FractalRecipe, FVisRecipe, make
from pixmix.train._reports.repeat import make_command
from pixmix.train._reports.report import ReportConfig, report
from pixmix.train._reports.runs import names_for

VOID = {"meta", "link", "img", "br", "circle", "path"}


class Page(HTMLParser):
    """A page's tags, its text as a whole and by section; tags that do not match raise."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, str] = {"": ""}
        self.section = ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "section":
            self.section = dict(attrs)["id"] or ""
            self.sections[self.section] = ""
        if tag not in VOID or tag in ("circle", "path"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "section":
            self.section = ""

    def handle_data(self, data: str) -> None:
        self.sections[self.section] += data

    @property
    def text(self) -> str:
        return "".join(self.sections.values())

    def count(self, tag: str, style: str) -> int:
        return sum(name == tag and style in (given.get("class") or "").split() for name, given in self.tags)


def written(tmp_path: Path, *runs: Path) -> Page:
    return Page(report(ReportConfig(runs=runs, out=tmp_path / "report.html")).read_text())


def change(folder: Path, **changes: Any) -> None:
    """Other values in `metrics.json`; None takes one out."""
    metrics = json.loads((folder / "metrics.json").read_text()) | changes
    kept = {name: value for name, value in metrics.items() if value is not None}
    (folder / "metrics.json").write_text(json.dumps(kept))


def test_every_section_is_there_and_in_the_contents(tmp_path: Path) -> None:
    page = written(tmp_path, write_run(tmp_path / "a", 0.1), write_run(tmp_path / "b", 0.2, method="cutmix"))
    every = ["measures", "profile", "images", "c", "cbar", "p"]
    every += ["calibration", "selective", "anomalies", "learning", "repeat"]
    assert list(page.sections) == ["", *every]
    links = [given["href"] for tag, given in page.tags if tag == "a"]
    assert links == [f"#{name}" for name in every]
    ids = [given["id"] for _, given in page.tags if "id" in given]
    assert len(ids) == len(set(ids)) == len(every)
    drawn = [given for tag, given in page.tags if tag == "svg" and "panel" in (given["class"] or "")]
    assert all(given["role"] == "img" and given["aria-label"] for given in drawn)
    assert all(given["alt"] for tag, given in page.tags if tag == "img")
    assert not [tag for tag, _ in page.tags if tag in ("script", "iframe", "object")]
    assert not re.search(r"url\(|@import|https?:", report_text(tmp_path))


def report_text(tmp_path: Path) -> str:
    return (tmp_path / "report.html").read_text()


def test_what_was_not_measured_has_no_section(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", 0.1, trained=False)
    change(run, c=None, cbar=None, p=None, calibration=None, adversaries=None, anomalies=None)
    page = written(tmp_path, run)
    assert list(page.sections) == ["", "measures", "repeat"]
    assert "1 network, measured on 60 test images" in page.text
    change(run, clean=None)
    assert "Nothing in the table was measured" in written(tmp_path, run).text


def test_runs_with_other_suites_stand_side_by_side(tmp_path: Path) -> None:
    one, two = write_run(tmp_path / "one", 0.1), write_run(tmp_path / "two", 0.2, trained=False)
    change(one, c=None, anomalies=None)
    change(two, cbar=None, p=None, calibration=None)
    page = written(tmp_path, one, two, write_run(tmp_path / "three", 0.3))
    assert "two" in page.sections["c"] and "one" not in page.sections["c"]
    assert "one" in page.sections["p"] and "two" not in page.sections["p"]
    assert "two" in page.sections["anomalies"] and "one" not in page.sections["anomalies"]
    assert "Without a log: two" in page.sections["learning"]
    # Each mark of the figure is a run's measure: what a run lacks has none.
    assert 2 < page.count("span", "s0") < page.count("span", "s2") == page.count("div", "measure")


def test_corruptions_show_every_number(tmp_path: Path) -> None:
    page = written(tmp_path, write_run(tmp_path / "a", 0.1), write_run(tmp_path / "b", 0.2))
    text = page.sections["c"]
    for value in ("20.0", "22.0", "40.0", "42.0", "21.0", "23.0", "41.0", "43.0"):  # means and severities
        assert value in text
    assert "speckle noise *" in text and "not counted in the mean" in text
    assert "fog *" not in text
    assert "generated, seed 3, 60 each" in text
    assert "official, 30 each" in page.sections["p"]
    assert "3.3" in page.sections["p"] and "0.40" in page.sections["p"]


def test_a_severity_that_is_missing_leaves_a_gap(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", 0.1)
    suite = json.loads((run / "metrics.json").read_text())["c"]
    del suite["fog"]["severities"]["2"]
    suite["set"]["problems"] = ["fog 2 is missing"]
    change(run, c=suite)
    text = written(tmp_path, run).sections["c"]
    assert "–" in text and "fog 2 is missing" in text


def test_curves_are_those_of_the_kept_logits(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", 0.1)
    page = written(tmp_path, run)
    assert "ROC: textures <&>" in page.sections["anomalies"] and "ROC: gaussian" in page.sections["anomalies"]
    tips = re.findall(r"a: AUROC ([\d.]+) %", page.sections["anomalies"])
    metrics = json.loads((run / "metrics.json").read_text())["anomalies"]
    assert tips == [f"{100 * metrics[name]['auroc']['value']:.1f}" for name in ("gaussian", "textures <&>")]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ("missing", "logits/ood_textures <&>.npz is not in its folder"),
        ("damaged", "logits/ood_textures <&>.npz is damaged"),
        ("others", "belong to another measurement"),
        ("nan", "logits/ood_textures <&>.npz"),
        ("flat", "logits/ood_textures <&>.npz"),
    ],
)
def test_lost_logits_are_said(tmp_path: Path, spoil: str, reason: str) -> None:
    run, whole = write_run(tmp_path / "spoilt", 0.1), write_run(tmp_path / "whole", 0.2)
    file = run / "logits" / "ood_textures <&>.npz"
    if spoil == "missing":
        file.unlink()
    elif spoil == "damaged":
        file.write_bytes(file.read_bytes()[:100])
    else:
        shape = {"others": (OUTLIERS + 1, 4), "nan": (OUTLIERS, 4), "flat": (OUTLIERS,)}[spoil]
        np.savez(file, key="", logits=np.full(shape, np.nan if spoil == "nan" else 0.0), labels=np.zeros(shape[0]))
    text = written(tmp_path, run, whole).sections["anomalies"]
    assert "No curves of spoilt" in text and reason in text
    assert "No curves of whole" not in text
    assert "ROC: textures <&>" in text  # the other run's
    shutil.rmtree(run / "logits")
    assert "No curves of spoilt: logits/clean.npz is not in its folder" in written(tmp_path, run).sections["anomalies"]


def test_better_lies_to_the_right(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, error) for name, error in (("good", 0.1), ("middle", 0.15), ("bad", 0.3))]
    text = report(ReportConfig(runs=tuple(runs), out=tmp_path / "report.html")).read_text()
    clean = re.search(r'<div class="measure[^>]*><span class="what">Clean error[^\n]*', text)
    assert clean is not None
    assert re.findall(r"left:([\d.]+)%", clean[0]) == ["100.0", "75.0", "0.0"]
    assert "30.0" in clean[0] and "10.0" in clean[0]
    assert "near" not in clean[0]  # their intervals lie apart
    change(runs[2], clean={"error": {"value": 0.11, "n": IMAGES, "interval": [0.05, 0.2]}})
    again = report(ReportConfig(runs=(runs[0], runs[2]), out=tmp_path / "report.html")).read_text()
    assert '<div class="measure near"><span class="what">Clean error' in again


def test_commands_seeds_and_versions(tmp_path: Path) -> None:
    trained, alone = write_run(tmp_path / "run", 0.1), write_run(tmp_path / "alone", 0.2, trained=False)
    config = json.loads((trained / "config.json").read_text())
    config["config"] |= {
        "seed": 11,
        "mixing_set": [str(make(FractalRecipe(count=3, size=32, seed=4), tmp_path / "set"))],
    }
    (trained / "config.json").write_text(json.dumps(config))
    page = written(tmp_path, trained, alone)
    text = page.sections["repeat"]
    order = [
        f"mixset make fractals {tmp_path / 'set'} --count 3 --size 32 --seed 4",
        "pixmix corrupt digits digits-c --suite c --seed 3",
        "pixmix train digits --recipe quick",
        f"pixmix evaluate {trained} --suite c cbar p anomalies --c digits-c",
    ]
    indices = [text.index(line) for line in order]
    assert indices == sorted(indices)
    assert f"pixmix evaluate resnet50 --dataset digits --out {alone} --suite clean calibration" in text
    assert "pixmix corrupt digits digits-p" not in text  # that one is official
    assert "torch 2" in text and "This page was written with python" in text
    seeds = re.sub(r"\s+", " ", text[text.index("Seeds") :])
    assert "training11–" in seeds and "attack55" in seeds and "outliers77" in seeds and "images of c33" in seeds


def test_autoattack_is_in_the_table_and_its_ladders_in_the_command(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", 0.1)

    def rung(norm: str, radius: str, value: float) -> dict[str, Any]:
        return {"value": value, "n": 60, "interval": [0.1, 0.9], "norm": norm, "radius": radius, "version": "plus"}

    suite = {"clean_error": {"value": 0.1, "n": 60, "seed": 8}}
    suite |= {
        f"error_{norm}_{radius}": rung(norm, radius, 0.432) for norm, radius in (("l2", "0.5"), ("linf", "2/255"))
    }
    suite |= {"error_linf_4/255": rung("linf", "4/255", 0.8)}
    change(run, autoattack=suite, robustbench=True)
    page = written(tmp_path, run)
    assert "AutoAttack error" in page.sections["measures"] and "43.2" in page.sections["measures"]
    assert "--suite autoattack c cbar" in page.sections["repeat"]
    flags = "--robustbench --autoattack.linf 2/255 4/255 --autoattack.l2 0.5 --autoattack.version plus"
    assert f"{flags} --autoattack.count 60 --seed 7" in page.sections["repeat"]  # the outliers' seed


def test_commands_can_be_given_in_their_order(tmp_path: Path) -> None:
    """A set that shows a run's units stands between that run and the one that is trained on it."""
    shown, made, trained = tmp_path / "shown", tmp_path / "set", tmp_path / "trained"
    for path, set_of in ((trained, [str(made)]), (shown, [])):
        config = json.loads((write_run(path, 0.1) / "config.json").read_text())
        config["config"] |= {"mixing_set": set_of, "out": str(path), "suite": ["clean"]}
        (path / "config.json").write_text(json.dumps(config))
    made.mkdir()
    shard = manifest.Entry("fvis-00000.h5", "fvis", 0, 4, sha256="0" * 64, content_hash="0" * 64, compression="none")
    manifest.write(made, FVisRecipe(network=f"run:{shown}", channels=(3,), weights="0" * 64).to_json(), [shard])
    text = written(tmp_path, trained, shown).sections["repeat"]
    order = [f"--out {shown} --suite clean", f"mixset make fvis {made}", f"--out {trained} --suite clean"]
    indices = [text.index(line) for line in order]
    assert indices == sorted(indices)
    assert "--channels" not in text and "--weights" not in text, "found by the command itself"
    assert f"pixmix evaluate {shown} --suite calibration adversaries anomalies c" in text, "what the run left out"


def test_other_versions_are_told_by_run(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, 0.1) for name in ("a", "b")]
    config = json.loads((runs[1] / "config.json").read_text())
    config["versions"]["torch"] = "3.5"
    (runs[1] / "config.json").write_text(json.dumps(config))
    text = written(tmp_path, *runs).sections["repeat"]
    assert "torch23.5" in re.sub(r"\s+", "", text)


def test_a_command_is_only_told_for_sets_that_are_made(tmp_path: Path) -> None:
    assert make_command("fractals") is None
    assert make_command(str(tmp_path)) is None
    (tmp_path / "mixset.json").write_text("{")
    assert make_command(str(tmp_path)) is None


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / "x" / "run", tmp_path / "y" / "run"]
    assert names_for(paths) == ["x/run", "y/run"]
    assert names_for(paths[:1]) == ["run"]
    assert names_for([paths[0], paths[0]]) == ["run", "run"]


def test_a_run_given_twice_is_shown_twice(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", 0.1)
    page = written(tmp_path, run, run)
    assert "2 networks" in page.text


def test_ten_runs_fit_on_a_small_page(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / f"run-{number}", 0.02 + 0.03 * number) for number in range(10)]
    out = report(ReportConfig(runs=tuple(runs), out=tmp_path / "report.html"))
    assert Page(out.read_text()).count("path", "d1") > 0
    assert out.stat().st_size < 1e6


def test_a_loss_that_is_no_number_leaves_a_gap(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", 0.1)
    log = run / "log.jsonl"
    log.write_text(log.read_text().replace('"loss": 0.5', '"loss": NaN'))
    html = report(ReportConfig(runs=(run,), out=tmp_path / "report.html")).read_text()
    assert "nan" not in re.sub(r"base64,[^\"]+", "", html).lower()


HOSTILE = "<script>alert(1)</script>&\"'|`*[a](javascript:b)\\input{c}$%#_~^\x1b[31m\u202e\x00"


def test_what_files_say_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    """Names of runs, methods, data sets, outlier sets, corruptions and packages are whatever anybody wrote."""
    run = write_run(tmp_path / HOSTILE.replace("/", "").replace("\x00", ""), 0.1)
    metrics = json.loads((run / "metrics.json").read_text())
    metrics |= {"dataset": HOSTILE, "method": HOSTILE, "model": HOSTILE}
    metrics["anomalies"][HOSTILE] = metrics["anomalies"]["gaussian"]
    metrics["c"] |= {HOSTILE: metrics["c"]["fog"]}
    metrics["c"]["set"] |= {"source": HOSTILE, "problems": [HOSTILE]}
    metrics["p"] |= {HOSTILE: metrics["p"]["snow"]}
    (run / "metrics.json").write_text(json.dumps(metrics))
    described = json.loads((run / "config.json").read_text())
    described["versions"] = {HOSTILE: HOSTILE}
    described["config"] |= {"dataset": HOSTILE, "method": HOSTILE, "mixing_set": [HOSTILE], "init": HOSTILE, HOSTILE: 1}
    (run / "config.json").write_text(json.dumps(described))
    other = write_run(tmp_path / "b\udcff\nc", 0.2)
    html = report(ReportConfig(runs=(run, other), out=tmp_path / "report.html")).read_text()
    assert "<script" not in html and "alert(1)&lt;/script&gt;" in html
    assert not [char for char in html if not char.isprintable() and char not in "\n\u00a0"]
    assert "b\\udcff\\nc" in html
    seen = HTMLParser()
    attributes: list[str] = []
    seen.handle_starttag = lambda _, found: attributes.extend(name for name, _ in found)  # type: ignore[assignment, method-assign]
    seen.feed(html)
    assert not [name for name in attributes if name.startswith("on")] and len(attributes) > 100


def test_a_page_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    run, folder = write_run(tmp_path / "a", 0.1), tmp_path / "folder.html"
    folder.mkdir()
    with pytest.raises(InputError, match="is a folder"):
        report(ReportConfig(runs=(run,), out=folder))
    with pytest.raises(InputError, match=r"page\.pdf: a page ends in \.html or \.htm, a table in \.md"):
        report(ReportConfig(runs=(run,), out=tmp_path / "page.pdf"))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        report(ReportConfig(runs=(run,), out=tmp_path / "file" / "report.html"))
