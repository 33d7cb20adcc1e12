"""The pages' parts: rendered from docs/results alone, ours beside the paper's, and small cells nowhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from evidence_cells import CELLS
from evidence_pages import MARKS, PAGES, measurements, readme, render, rendered
from evidence_results import FOLDER, ROOT, read_results
from evidence_samples import result

from mixset._common.errors import InputError

BEGIN, END = MARKS


@pytest.mark.parametrize("page", list(PAGES))
def test_the_docs_are_what_is_rendered_from_the_results(page: str) -> None:
    text = (ROOT / page).read_text()
    assert rendered(page, text, read_results(FOLDER)) == text, "run python benchmarks/evidence.py --render"


def test_with_no_whole_cell_the_pages_say_so() -> None:
    small = [result("pixmix-s0", epochs=2), result("baseline-s0", network="wrn-10-1")]
    for found in ([], small):
        assert readme(found).startswith("None of the paper's tables has been run at its full size yet.")
        assert measurements(found).startswith("0 of 16 cells have been run at the paper's size.")
        assert "|" not in readme(found) + measurements(found)


def test_ours_stand_beside_the_papers() -> None:
    text = measurements([result("pixmix-s0", 0.10), result("baseline-s0", 0.25)])
    lines = text.splitlines()
    assert lines[0].startswith("2 of 16 cells have been run at the paper's size; not yet: mix-input-s0, mix-aug-s0,")
    row = next(line for line in lines if line.startswith("| PixMix |"))
    # Clean error, of which the paper has 4.2, and AUPR, of which more is better, so that the baseline's is best.
    assert row.startswith("| PixMix | **10.0**<br>4.2 +5.8 | **10.0**<br>9.5 +0.5 |")
    assert row.endswith(" 10.0<br>88.4 −78.4 |")
    baseline = next(line for line in lines if line.startswith("| Baseline |"))
    assert baseline.endswith(" **25.0**<br>70.9 −45.9 |")
    assert "the paper's svhn are absent" in text.replace("\n  ", " ")
    assert "A card, 2026-11-27, torch 2.11.0, bfloat16. A training took 3 min 20 s" in text.replace("\n  ", " ")


def test_pairs_in_the_papers_order_are_counted() -> None:
    """Of PixMix and the baseline the paper has PixMix ahead everywhere: ours are, but for AUROC and AUPR."""
    text = " ".join(measurements([result("pixmix-s0", 0.10), result("baseline-s0", 0.25)]).split())
    assert (
        "**Table 4: Full results, CIFAR-10** (2 of 8 rows): 9 of 11 pairs as in the paper: Clean error 1 of 1" in text
    )
    assert "AUROC 0 of 1, AUPR 0 of 1." in text
    assert "**Table 1: PixMix variations, CIFAR-100** (1 of 4 rows)" not in text
    assert "**Table 6: Mixing sets, ImageNet** (2 of 4 rows)" in text


def test_pairs_that_the_paper_has_equal_count_for_nothing() -> None:
    """mFR of PixMix and AugMix is 1.7."""
    text = " ".join(measurements([result("pixmix-s0", 0.1), result("augmix-s0", 0.2)]).split())
    assert "10 pairs as in the paper" in text and "mFR" not in text.partition("Table 4: Full")[2].partition("\n")[0]


def test_seeds_are_a_mean_with_its_deviation() -> None:
    text = readme([result("pixmix-s0", 0.10), result("pixmix-s1", 0.12), result("cutmix-s0", 0.5)])
    assert "| PixMix (2 seeds) | **11.0 ± 1.4**<br>4.2 +6.8 |" in text
    assert "| CutMix | 50.0<br>4.0 +46.0 |" in text


def test_rows_without_a_number_of_the_papers_stand_alone() -> None:
    text = measurements([result("mix-input-s0", 0.3), result("mix-aug-s0", 0.2)])
    assert "| Mix Input | 30.0 |" in text and "| Mix Aug | **20.0** |" in text
    assert "**Table 1: PixMix variations, CIFAR-100** (2 of 4 rows): " in text


def test_what_is_not_comparable_stands_in_a_table_of_its_own() -> None:
    cpu = result("baseline-s0", 0.25)
    cpu = dataclasses.replace(cpu, key={**cpu.key, "precision": "float32"})
    small = result("baseline-s0", 0.9, epochs=1)
    old = result("baseline-s0", 0.8)
    old = dataclasses.replace(old, key={**old.key, "protocol": 0})
    text = measurements([result("pixmix-s0", 0.10), result("mix-input-s0", 0.2), cpu, small, old])
    first, second = (part for part in text.split("cells have been run at the paper's size")[1:])
    assert "| PixMix |" in first and "| Baseline |" not in first
    assert "| Baseline | 25.0<br>" in second and "| PixMix |" not in second
    assert "90.0" not in text and "80.0" not in text


def test_of_a_cell_that_was_run_twice_the_newest_stands() -> None:
    old = dataclasses.replace(result("pixmix-s0", 0.3, content="old"), date="2026-01-01")
    assert "| PixMix | 10.0<br>" in readme([result("pixmix-s0", 0.1), old])


def test_every_cell_has_a_place_in_the_table() -> None:
    text = measurements([result(cell.name, 0.1) for cell in CELLS])
    assert text.startswith("16 of 16 cells have been run at the paper's size.\n")
    assert text.count("<br>") == 9 * 11  # the paper's Table 4, whose PixMix stands beside two of ours


def test_a_page_is_changed_between_its_marks_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    render("README.md", [], tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert text.startswith(f"before\n{BEGIN}\n\nNone of") and text.endswith(f"\n\n{END}\nafter\n") and "old" not in text
    (tmp_path / "README.md").write_text("no marks")
    with pytest.raises(InputError, match=r"README\.md: lacks <!-- evidence"):
        render("README.md", [], tmp_path)
