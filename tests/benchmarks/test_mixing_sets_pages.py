"""The benchmark's tables: rendered from its file alone, in one order, with noise and chance beside every number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from evidence_results import ROOT
from mixing_sets_made import SIZED, families, sizes
from mixing_sets_pages import END, PAGE, body, parts, render, rendered, show
from mixing_sets_results import COLUMNS, FILE, opened, read_results, values_of
from mixing_sets_samples import PROTOCOL, results
from mixing_sets_sizes import VARIANTS, wins

from mixset._common.errors import InputError

MARKED = "<!-- mixing sets: rendered from docs/{}.json -->"


def line(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(start))


def test_the_docs_are_what_is_rendered_from_the_results() -> None:
    text = (ROOT / PAGE).read_text()
    assert rendered(text) == text, "run python benchmarks/mixing_sets.py --render"
    assert f"docs/{FILE.name} -->" in text


def test_a_row_is_a_mean_over_its_seeds_beside_the_noise() -> None:
    made = [("baseline", 0, 40.0), ("fractals", 0, 20.0), ("fractals", 1, 22.0), ("julia", 0, 30.0), ("julia", 1, 30.0)]
    text = body(results(*made))
    assert text.startswith("`python benchmarks/mixing_sets.py`, 2026-11-27, A card, float32:")
    assert line(text, "| Fractals").startswith("| Fractals (2 seeds) | **21.0 ± 1.4** |")
    assert line(text, "| Julia (2").startswith("| Julia (2 seeds) | 30.0 ± 0.0 |")
    # AUROC and AUPR, of which more is better.
    assert line(text, "| Baseline").endswith(" 40.0 | **40.0** | **40.0** |")
    assert line(text, "| Deviation").startswith("| Deviation of a seed, pooled | 1.00 |")
    assert "Spearman" not in text  # over two sets


def test_rows_stand_in_one_order_and_those_near_cbar_are_marked() -> None:
    names = ["mine", "moire", "fvis", "fractals", "moire-36", "blend"]
    found = results(*((name, 0, 1.0) for name in names))
    assert parts(found) == {
        "families": ["fractals", "moire", "blend", "fvis", "mine"],
        "sizes": ["fractals", "moire-36", "moire"],
    }
    text = body(found)
    assert line(text, "| Moiré").startswith("| Moiré† |") and line(text, "| mine").startswith("| mine |")
    assert [*parts(results(("fractals", 0, 1.0), ("moire", 0, 1.0)))] == ["families"]  # one size is no comparison


def test_correlations_stand_beside_chance() -> None:
    names = [source.name for source in families({}, visualised=False)]
    found = results(*((name, seed, float(index)) for index, name in enumerate(names) for seed in (0, 1)))
    for index, name in enumerate(names):
        found.sets[name]["statistics"] |= {"energy": index, "coarse_share": 1.0}
    text = body(found)
    assert line(text, "| C mCE ↓ | **+1.00 (0.000)** |") and line(text, "| AUROC textures ↑ | **+1.00 (0.000)** |")
    assert " | – | " in line(text, "| C mCE ↓ | **")
    # As the file has the columns sorted by name, and the tables do not.
    assert text.index("| Clean error ↓ | **") < text.index("| C mCE ↓ | **") < text.index("| AUROC textures")
    assert "Spearman's correlation over 12 sets" in text.replace("\n", " ")


def test_what_is_ahead_beyond_the_noise_is_told() -> None:
    cells = []
    for row in (f"{name}{variant}" for name in SIZED for variant in VARIANTS):
        gain = -5.0 if row.endswith("-36") else 0.5 if row.endswith("-256") else 0.0
        cells += [(row, seed, 50.0 + gain + seed) for seed in (0, 1)]
    first, second, *others = wins(results(*cells))
    errors = [column for column in COLUMNS.values() if not column.measure.higher_is_better]
    assert first.startswith("- 36 px, beside 64 px scaled by the pool: ahead in Clean error ↓ −5.0, C mCE ↓ −5.0,")
    assert first.count("−5.0") == len(COLUMNS) and "behind in AUROC ↑ −5.0, AUPR ↑ −5.0, beyond" in first
    assert len(errors) == len(COLUMNS) - 2
    assert second == "- 256 px, beside 64 px scaled by the pool: ahead in nothing; behind in nothing, beyond the noise."
    assert len(others) == 2
    one_family = [(row, seed, value - 9 * (row == "moire-36")) for row, seed, value in cells if "-36" not in row] + [
        (f"{name}-36", seed, 20.0 + 40 * (name == "moire") + seed) for name in SIZED for seed in (0, 1)
    ]
    assert "ahead in nothing" in wins(results(*one_family))[0]  # on average far ahead, and behind in one family
    assert wins(results(*[(row, seed, value) for row, seed, value in cells if seed == 0]))[0].count("nothing") == 2
    assert wins(results(*[cell for cell in cells if cell[0] != "moire"])) == []


def test_each_marked_part_of_the_page_shows_its_file(tmp_path: Path) -> None:
    first, second = MARKED.format("first"), MARKED.format("second")
    (tmp_path / "docs").mkdir()
    (tmp_path / PAGE).write_text(f"before\n{first}\nold\n{END}\nbetween\n{second}\nold\n{END}\nafter\n")
    results(("baseline", 0, 40.0)).write(tmp_path / "docs" / "second.json")
    text = render(tmp_path).read_text()
    assert text.startswith(f"before\n{first}\n\nNot measured yet") and text.endswith(f"\n{END}\nafter\n")
    assert f"\n{END}\nbetween\n{second}\n\n`python benchmarks/mixing_sets.py`, 2026-11-27" in text
    assert "old" not in text and rendered(text, tmp_path) == text


@pytest.mark.parametrize("text", ["no marks", MARKED.format("first") + " and no end"])
def test_a_page_without_marks_is_left_as_it_is(text: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / PAGE).write_text(text)
    with pytest.raises(InputError, match=r"mixing-sets-compared\.md: lacks <!-- mixing sets"):
        render(tmp_path)
    assert (tmp_path / PAGE).read_text() == text


def test_nothing_measured_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show(results())
    assert capsys.readouterr().out == ""


def test_results_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    show(results(*((source.name, 0, 12.3) for source in sizes())))
    text = capsys.readouterr().out
    assert "Fractals, 36 px" in text and "All four, 256 px picked" in text and "12.3" in text


def test_a_file_is_read_as_it_was_written_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.json"
    assert opened(path, PROTOCOL) == results()
    made = results(("baseline", 0, 40.0), ("fractals", 1, 20.0))
    made.write(path)
    assert read_results(path) == made and opened(path, PROTOCOL) == made
    assert made.there("fractals", 1) and not made.there("fractals", 0)
    with pytest.raises(InputError, match=r"another protocol \(epochs 2, not 3\); give another --results"):
        opened(path, {**PROTOCOL, "epochs": 3})
    changed = json.loads(path.read_text())
    changed["cells"][0]["values"]["clean.error"] = 1.0
    for text in (json.dumps(changed), "{}", "", '{"schema": "pixmix-mixing-sets/1"}'):
        path.write_text(text)
        with pytest.raises(InputError, match="take it away"):
            read_results(path)


def test_values_are_those_of_the_tables_and_of_each_outlier_set() -> None:
    metrics = {
        "clean": {"error": {"value": 0.25}},
        "p": {"mt5d": {"value": 3.5}},
        "anomalies": {"mean": {"auroc": {"value": 0.5}}, "textures": {"auroc": {"value": 0.75}}, "none": {"auroc": {}}},
    }
    assert values_of(metrics) == {
        **{"clean.error": 25.0, "p.mt5d": 3.5, "anomalies.mean.auroc": 50.0, "auroc textures": 75.0},
    }
