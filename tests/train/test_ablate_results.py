"""From `metrics.json` to the table: numbers, marks, shapes, notes."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mixset._common.console import run_command
from mixset._common.errors import InputError
from pixmix.train._ablations.config import AblateConfig
from pixmix.train._ablations.plan import make_plan
from pixmix.train._ablations.render import grid, numbers
from pixmix.train._ablations.results import results
from pixmix.train._reports.grids import Cell, Grid, as_text, comma_separated, latex, markdown, show, write


def give(config: AblateConfig, row: str, seed: int, metrics: dict[str, Any]) -> None:
    """Let a row's run have ended with these measures."""
    plan = make_plan(config)
    cell = next(cell for cell in plan.cells if (cell.row, cell.seed) == (row, seed))
    cell.run.mkdir(parents=True)
    (cell.run / "metrics.json").write_text(json.dumps(metrics))
    state = config.folder / "state"
    state.mkdir(exist_ok=True)
    parts = {part: list(of) for part, of in plan.tasks[cell.task].parts.items()}
    (state / f"{cell.task.replace('/', '-')}.json").write_text(json.dumps(parts))


def metrics(error: float, mce: float, mfr: float = 0.1, auroc: float = 0.8) -> dict[str, Any]:
    return {
        "clean": {"error": {"value": error}},
        "c": {"mce": {"value": mce}, "rms_reference_by_corruption": {"value": mce / 10}},
        "p": {"mfr": {"value": mfr}},
        "adversaries": {"pgd_error_reference": {"value": 0.9}},
        "anomalies": {"mean": {"auroc": {"value": auroc, "sets": ["blobs"], "absent": ["svhn"]}}},
    }


def made(config: AblateConfig, failed: dict[str, str] | None = None) -> dict[str, Any]:
    return results(config, make_plan(config), failed or {})


def cells(found: dict[str, Any], row: str) -> dict[str, dict[str, Any]]:
    one = next(each for each in found["rows"] if each["name"] == row)
    return dict(zip((column["heading"] for column in found["columns"]), one["cells"], strict=True))


@pytest.fixture
def config(tmp_path: Path) -> AblateConfig:
    """Table 1 with two seeds, of which four runs have ended."""
    config = AblateConfig(table="1", out=tmp_path / "out", seeds=(0, 1), rows=("pixmix", "mix-input", "iterative"))
    give(config, "pixmix", 0, metrics(0.20, 0.30))
    give(config, "pixmix", 1, metrics(0.24, 0.32, auroc=0.9))
    give(config, "mix-input", 0, metrics(0.21, 0.4))
    give(config, "mix-input", 1, metrics(0.21, 0.4))
    return config


def test_a_cell_has_ours_the_papers_and_the_difference(config: AblateConfig) -> None:
    found = made(config)
    assert (found["schema"], found["table"], found["seeds"]) == ("pixmix-table/1", "1", [0, 1])
    assert found["title"] == "Table 1: PixMix variations on CIFAR-100"
    clean = cells(found, "pixmix")["Clean error ↓"]
    assert clean["values"] == pytest.approx([20, 24])
    assert (clean["mean"], clean["std"]) == pytest.approx((22, 8**0.5))
    assert (clean["paper"], clean["difference"]) == pytest.approx((20.3, 1.7))
    assert json.loads(json.dumps(found)) == found


def test_the_best_is_marked(config: AblateConfig) -> None:
    found = made(config)
    pixmix, mix_input = cells(found, "pixmix"), cells(found, "mix-input")
    assert [pixmix[name]["best"] for name in ("Clean error ↓", "C mCE ↓", "AUROC ↑")] == [False, True, True]
    assert mix_input["Clean error ↓"]["best"] and not mix_input["AUROC ↑"]["best"]
    assert pixmix["PGD error (ref.) ↓"]["best"] and mix_input["PGD error (ref.) ↓"]["best"]  # equals


def test_what_is_not_there_is_said(config: AblateConfig) -> None:
    found = made(config, {"runs/iterative-s0": "error: no such thing", "runs/iterative-s1": "error: no such thing"})
    row = found["rows"][2]
    assert [problem["state"] for problem in row["problems"]] == ["failed", "failed"]
    assert row["cells"][0]["mean"] is None and row["cells"][0]["paper"] == 21.1
    assert "**failed**" not in markdown(grid(found)) and "| failed<br>21.1 |" in markdown(grid(found))
    log = config.folder / "logs" / "runs-iterative-s0.log"
    assert any(f"failed, error: no such thing (log {log})" in note for note in found["notes"])
    waiting = made(config)["rows"][2]
    assert {problem["state"] for problem in waiting["problems"]} == {"missing"}


def test_seeds_that_failed_leave_the_others(config: AblateConfig) -> None:
    found = made(config, {"measures/pixmix-s1": "error: killed"})
    clean = cells(found, "pixmix")["Clean error ↓"]
    assert (clean["mean"], clean["std"]) == (pytest.approx(20), None)
    assert any(note.startswith("PixMix (seed 1): failed, error: killed") for note in found["notes"])


def test_notes_say_how_the_numbers_came_about(config: AblateConfig) -> None:
    notes = made(config)["notes"]
    assert "C, P made of the test images by `pixmix corrupt`, not the official images" in notes
    assert "anomalies: mean over blobs; the paper's svhn are absent" in notes
    official = AblateConfig(table="1", out=config.folder / "other", c=Path("C"), p=Path("P"))
    assert not any("pixmix corrupt" in note for note in made(official)["notes"])


def test_columns_of_a_set_that_is_not_given_say_so(tmp_path: Path) -> None:
    def notes(**given: Any) -> list[str]:
        return made(AblateConfig(table="5", dataset="folder:x", init=tmp_path / "w.pth", out=tmp_path, **given))[
            "notes"
        ]

    assert "R error ↓, R RMS (ref.) ↓ –: ImageNet-R was not given (--r)" in notes()
    assert not any("ImageNet-R" in note for note in notes(r=tmp_path))


def test_sets_that_resemble_corruptions_of_cbar_are_said(tmp_path: Path) -> None:
    def near(**given: Any) -> list[str]:
        config = AblateConfig(table="mixing-sets", out=tmp_path, **given)
        return [note for note in made(config)["notes"] if "resemble" in note]

    (note,) = near(rows=("fractals", "plasma", "programs", "moire", "visualatom"))
    assert note.startswith("Plasma, Moiré, VisualAtom: mixing images that resemble corruptions of C̄")
    assert near(rows=("fractals", "programs")) == []
    assert near(rows=("moire",), mixing_set=("mine/moire",)) == [], "a folder of one's own that happens to be called so"
    table_1 = AblateConfig(table="1", out=tmp_path, rows=("pixmix",))
    assert not any("resemble" in note for note in made(table_1)["notes"])


def test_what_so_few_images_do_not_have_is_absent_with_its_reason(config: AblateConfig) -> None:
    why = "the paper's code leaves the last bin out, and 150 images are one bin: two are needed"
    for seed in (0, 1):
        few = metrics(0.21, 0.4)
        few["c"]["rms_reference_by_corruption"] = {"undefined": why, "n": 150}
        give(config, "iterative", seed, few)
    found = made(config)
    cell = cells(found, "iterative")["C RMS (ref.) ↓"]
    assert (cell["values"], cell["mean"], cell["best"], cell["difference"]) == ([], None, False, None)
    assert f"C RMS (ref.) ↓ –: {why}" in found["notes"]
    assert "–<br>12.7" in markdown(grid(found)) and "**–**" not in markdown(grid(found))


def test_ants_form_is_said_where_it_has_a_row(tmp_path: Path) -> None:
    for rows, told in ((("baseline", "ant"), True), (("baseline", "speckle"), False)):
        config = AblateConfig(table="7", dataset="folder:flowers", out=tmp_path, rows=rows)
        assert any(line.startswith("ANT as its paper describes it") for line in made(config)["notes"]) == told


def test_rows_left_out_say_what_they_lack(tmp_path: Path) -> None:
    found = made(AblateConfig(table="3", out=tmp_path, rows=("baseline", "oe")))
    assert [row["problems"][0]["state"] for row in found["rows"]] == ["missing", "left out"]
    assert "OE: left out, needs --outliers PATH" in found["notes"]


def test_ours_and_imagenets_relative_numbers_have_no_difference(tmp_path: Path) -> None:
    config = AblateConfig(table="6", dataset="folder:flowers", out=tmp_path, rows=("baseline",))
    give(config, "baseline", 0, metrics(0.2, 0.3))
    found = made(config)
    assert found["title"] == "Table 6: Mixing sets on flowers in place of ImageNet; changed: from random weights"
    mce = cells(found, "baseline")["C mCE ↓"]
    assert (mce["mean"], mce["paper"], mce["difference"]) == (pytest.approx(30), 78.2, None)
    assert cells(found, "baseline")["Clean error ↓"]["difference"] == pytest.approx(20 - 23.9)
    assert any("not relative to AlexNet's" in note for note in found["notes"])


def test_table_9_has_an_outlier_set_a_line(tmp_path: Path) -> None:
    config = AblateConfig(table="9", dataset="folder:places", out=tmp_path, rows=("baseline", "pixmix"))
    names = ("gaussian", "blobs", "mean")
    scores: dict[str, Any] = {
        name: {"auroc": {"value": 0.5 + index / 10}, "aupr": {"value": 0.1}} for index, name in enumerate(names)
    }
    scores["mean"]["auroc"] |= {"sets": ["gaussian", "blobs"]}
    give(config, "baseline", 0, {"anomalies": scores | {"imagenet": {"auroc": {"value": 0.9}}}})
    shown = grid(made(config))
    assert list(shown.headings) == [f"{what} {row} ↑" for what in ("AUROC", "AUPR") for row in ("Baseline", "PixMix")]
    lines = dict(shown.rows)
    assert list(lines) == ["gaussian", "rademacher", "blobs", "textures", "svhn", "imagenet", "places69", "mean"]
    assert lines["gaussian"][0] == Cell("50.0", False, "72.2 −22.2")
    assert lines["gaussian"][1] == Cell("missing", False, "100.0")
    assert lines["blobs"][2] == Cell("10.0", False, "13.0 −3.0")
    assert lines["svhn"][0] == Cell("–", False, "96.6")
    # The paper's mean is over ImageNet, too, which is not one of the six of `anomalies.mean`.
    assert lines["mean"][0] == Cell("66.7", False, "64.2 +2.5")
    (note,) = (note for note in made(config)["notes"] if note.startswith("anomalies"))
    assert note == (
        "anomalies: mean over gaussian, blobs, imagenet; the paper's rademacher, textures, svhn, places69 are absent"
    )


def test_table_10_has_k_to_the_right_and_beta_downwards(tmp_path: Path) -> None:
    config = AblateConfig(table="10", out=tmp_path)
    give(config, "k2-beta5", 0, metrics(0.2, 0.3))
    give(config, "k4-beta3", 0, metrics(0.21, 0.29))
    shown = grid(made(config))
    assert list(shown.headings) == ["k = 2", "k = 3", "k = 4"]
    lines = dict(shown.rows)
    assert list(lines)[:3] == ["β = 5, Clean error ↓", "β = 5, C mCE ↓", "β = 4, Clean error ↓"]
    assert lines["β = 5, Clean error ↓"][0] == Cell("20.0", True, "20.2 −0.2")
    assert lines["β = 3, C mCE ↓"][2] == Cell("29.0", True, "30.5 −1.5")
    more = AblateConfig(table="10", out=tmp_path, rows=("k2-beta5", "baseline"))
    assert list(grid(made(more)).headings) == ["k = 2"]
    assert any(note.startswith("Baseline: Clean error") for note in grid(made(more)).notes)


def test_csv_has_a_line_for_each_number(config: AblateConfig) -> None:
    lines = list(csv.DictReader(io.StringIO(numbers(made(config)))))
    assert len(lines) == 3 * 6
    first = lines[0]
    assert (first["row"], first["measure"], first["seeds"], first["paper"]) == ("pixmix", "clean.error", "2", "20.3")
    assert float(first["ours"]) == pytest.approx(22) and float(first["std"]) == pytest.approx(8**0.5)
    assert lines[-1]["ours"] == lines[-1]["std"] == lines[-1]["difference"] == ""


WIDE = Grid("A title", ["one_two", "C̄ mCE ↓"], [("a & b", [Cell("1.0 ± 0.5", True, "2.0 −1.0"), Cell("–")])], ["50 %"])


def test_markdown_and_latex_escape_what_they_must() -> None:
    assert "| a & b | **1.0 ± 0.5**<br>2.0 −1.0 | – |" in markdown(WIDE)
    text = latex(WIDE)
    assert r"\makecell[r]{one\_two} & \makecell[r]{$\bar{C}$ mCE $\downarrow$}" in text
    assert r"a \& b & \makecell[r]{\textbf{1.0 $\pm$ 0.5}\\ \scriptsize 2.0 $-$1.0} & --" in text
    assert r"\footnotesize 50 \%" in text
    assert text.count(r"\begin") == text.count(r"\end") == 2


def test_what_a_name_says_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    """In Markdown, LaTeX and CSV, as for names of runs and messages of logs."""
    name = "=cmd|' /C calc'!A0 <b>x</b> [y](z) *w* \\input{q} &lt; \x1b[31m\nnext \udcff"
    odd = Grid(name, [name], [(name, [Cell(name, True, name)])], [name, "as `code`"], corner=name)
    shown = markdown(odd)
    assert "<b>" not in shown and "&lt;b&gt;" in shown and "&amp;lt;" in shown and r"\[y\](z)" in shown
    assert len(shown.splitlines()) == 8 and shown.splitlines()[4].count("|") == 3 + 3 * 1
    assert "as `code`" in shown
    written = latex(odd)
    assert r"\input" not in written and r"\textbackslash{}input\{q\}" in written
    assert written.count("\n") == latex(WIDE).count("\n") + 1
    cells = list(csv.reader(comma_separated(odd).splitlines()))
    assert len(cells) == 2 and all(cell.startswith("'=cmd") for row in cells for cell in row)
    assert as_text("-1.5") == "-1.5" and as_text("@x") == "'@x" and as_text("-x") == "'-x"
    for suffix in (".md", ".tex", ".csv"):
        text = write(odd, tmp_path / f"t{suffix}").read_text()
        assert not [char for char in text if not char.isprintable() and char != "\n"]


def test_files_are_written_in_the_format_of_their_name(tmp_path: Path) -> None:
    assert write(WIDE, tmp_path / "a" / "t.csv").read_text().splitlines()[1] == "a & b,1.0 ± 0.5,–"
    assert write(WIDE, tmp_path / "t.md").read_text() == markdown(WIDE)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_terminal_of_any_width_shows_every_number(
    config: AblateConfig, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    found = made(config)
    show(grid(found))
    shown = capsys.readouterr().out.replace("\u00a0", " ")
    for row in found["rows"]:
        for cell in row["cells"]:
            assert cell["mean"] is None or f"{cell['mean']:.1f} ± {cell['std']:.1f}" in shown
            assert f"{cell['paper']:.1f}" in shown
    assert "Baseline: the paper's Table 3" in shown


@pytest.mark.parametrize(
    ("encoding", "line"),
    [
        ("utf-8", "a & b   1.0\u00a0±\u00a00.5         –"),
        ("latin-1", "a & b"),
        ("ascii", "| a & b | 1.0 +/- 0.5 |           - |"),
    ],
)
def test_a_terminal_of_any_encoding_shows_the_table(encoding: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the encoding lacks is written in other characters, and the columns stay even."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    monkeypatch.setenv("COLUMNS", "100")
    stdout = sys.stdout
    run_command(lambda: show(WIDE))
    stdout.flush()
    shown = written.getvalue().decode(encoding)
    assert line in shown and "\\" not in shown
    assert "C̄ mCE ↓" in shown if encoding == "utf-8" else "C-bar mCE v" in shown
    widths = {len(row.rstrip("\n")) for row in shown.splitlines() if row.startswith(("|", "+"))}
    assert len(widths) == (0 if encoding == "utf-8" else 1)


def test_no_measure_in_bfloat16_stands_beside_the_papers(config: AblateConfig) -> None:
    give(config, "iterative", 0, {"precision": "bf16", **metrics(0.2, 0.3)})
    with pytest.raises(InputError, match=r"is measured in float32, .* in bf16: they stand in no table"):
        made(config)
