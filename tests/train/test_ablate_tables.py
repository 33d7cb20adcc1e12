"""The paper's tables: complete, and their numbers those of the paper as far as they check one another."""

from __future__ import annotations

import zlib
from statistics import mean

import pytest

from mixset._common.errors import InputError
from pixmix.methods import METHODS
from pixmix.train._ablations.columns import CORRUPTIONS, Column
from pixmix.train._ablations.tables import ROWS, TABLES, Table, find_table
from pixmix.train._reports.grids import Cell, Grid, latex
from pixmix.train._reports.measured import Measure


def paper(table: Table, row: str) -> list[float]:
    found = [table.paper(row, column) for column in table.columns]
    assert None not in found
    return [value for value in found if value is not None]


@pytest.mark.parametrize("name", [name for name in TABLES if not TABLES[name].ours])
def test_each_row_has_the_papers_numbers(name: str) -> None:
    table = TABLES[name]
    for row in table.rows:
        assert row in ROWS
        assert len(paper(table, row)) == len(table.columns)
    assert table.paper("plasma", table.columns[0]) is None


def test_the_tables_are_the_papers_twelve_and_ours() -> None:
    assert list(TABLES) == [*map(str, range(1, 13)), "mixing-sets", "arena"]
    assert [name for name in TABLES if TABLES[name].ours] == ["mixing-sets", "arena"]
    with pytest.raises(InputError, match=r"table 13: unknown; there are 1, 2, .*mixing-sets, arena"):
        find_table("13")


def test_each_method_has_a_row() -> None:
    assert set(METHODS) <= set(ROWS)


def test_numbers_that_stand_in_two_tables_agree() -> None:
    """PixMix of Tables 1 to 3, Baseline and PixMix of 5, 6, 11 and 12, Table 10's corner."""
    one, two, three, ten = (TABLES[name] for name in ("1", "2", "3", "10"))
    assert paper(two, "pixmix") == paper(three, "pixmix")
    assert paper(two, "cutmix") == paper(three, "cutmix")
    assert paper(two, "baseline") == paper(three, "baseline")
    for row in ("pixmix", "baseline"):
        of_three = dict(zip(three.columns, paper(three, row), strict=True))
        assert paper(one, row) == [of_three[column] for column in one.columns]
    assert paper(ten, "k4-beta3") == paper(three, "pixmix")[:2]
    five, six = TABLES["5"], TABLES["6"]
    assert paper(six, "fractals+fvis") == paper(five, "pixmix")
    for row in five.rows:
        assert paper(TABLES["11"], row)[:2] == paper(five, row)[:2]
        clean, c_bar = paper(TABLES["12"], row)[:2]
        assert (clean, c_bar) == (paper(five, row)[0], paper(five, row)[2])


CHECKSUMS = {
    "1": "517aeebc",
    "2": "260397c6",
    "3": "223cbc0d",
    "4": "c471e566",
    "5": "f0b8d9b4",
    "6": "3adbe3c6",
    "7": "7152b61d",
    "8": "7b388ec0",
    "9": "691bf67d",
    "10": "1203b98e",
    "11": "560a18f1",
    "12": "2918677b",
}
"""CRC-32 of each table's numbers, taken from the text of the paper and not from the file that is tested."""


@pytest.mark.parametrize("name", CHECKSUMS)
def test_no_number_of_the_paper_is_mistyped(name: str) -> None:
    """The numbers with one decimal, commas between them and a line for each row: swapped digits change the checksum."""
    lines = [",".join(f"{value:.1f}" for value in paper(TABLES[name], row)) for row in TABLES[name].rows]
    assert f"{zlib.crc32(chr(10).join(lines).encode()):08x}" == CHECKSUMS[name]


def test_means_are_those_of_their_columns() -> None:
    for row in TABLES["8"].rows:
        _, mfr, *rates = paper(TABLES["8"], row)
        assert mean(rates) == pytest.approx(mfr, abs=0.55)
    for row in TABLES["11"].rows:
        if row != "cutmix":  # a copy of the baseline's row
            _, mce, *errors = paper(TABLES["11"], row)
            assert mean(errors) == pytest.approx(mce, abs=0.55)
    for row in TABLES["12"].rows:
        _, error, *errors = paper(TABLES["12"], row)
        assert mean(errors) == pytest.approx(error, abs=0.55)
    for row in TABLES["9"].rows:
        numbers = paper(TABLES["9"], row)
        for each in (numbers[:8], numbers[8:]):
            assert mean(each[:-1]) == pytest.approx(each[-1], abs=0.06)


def test_what_is_bold_in_the_paper_is_the_best() -> None:
    table = TABLES["4"]
    best = {
        column.measure.heading: min(
            table.rows, key=lambda row: table.paper(row, column) * (-1 if column.measure.higher_is_better else 1)
        )
        for column in table.columns
    }
    assert best["Clean error ↓"] == "cutout"
    assert best["AUROC ↑"] == best["AUPR ↑"] == "oe"
    assert {best[name] for name in ("C mCE ↓", "C̄ mCE ↓", "mT5D ↓", "PGD error (ref.) ↓", "C̄ RMS (ref.) ↓")} == {
        "pixmix"
    }


def test_values_come_in_the_units_of_the_tables() -> None:
    """Per cent; relative to AlexNet's where that is measured."""
    metrics = {
        "clean": {"error": {"value": 0.213}},
        "p": {"mt5d": {"value": 2.7}, "mfr": {"value": 0.1}, "shot_noise": {"value": 0.05}},
        "c": {"fog": {"value": 0.4}, "mce": {"value": 0.5}},
    }
    one, six, eight = TABLES["1"], TABLES["6"], TABLES["8"]
    assert one.columns[0].value(metrics) == pytest.approx(21.3)
    of_p = {column.measure.name: column for column in six.columns if column.suite == "p"}
    assert of_p["mT5D"].value(metrics) == 2.7
    assert of_p["mFR"].value(metrics) == pytest.approx(10)
    assert not of_p["mFR"].comparable(metrics)
    assert of_p["mFR"].shown([metrics]).heading == "mFR ↓"
    assert one.columns[0].comparable(metrics)
    shot = next(column for column in eight.columns if column.measure.name == "shot noise")
    fog = next(column for column in CORRUPTIONS if column.measure.name == "fog")
    assert shot.value(metrics) == pytest.approx(5) and fog.value(metrics) == pytest.approx(40)
    metrics["p"] |= {"mfr_alexnet": {"value": 0.58}, "mt5d_alexnet": {"value": 0.784}}
    metrics["c"] |= {"mce_alexnet": {"value": 0.782}}
    assert of_p["mFR"].comparable(metrics)
    assert of_p["mFR"].shown([metrics]).heading == of_p["mFR"].shown([]).heading == "mFR/AlexNet ↓"
    assert [of_p[name].value(metrics) for name in ("mFR", "mT5D")] == pytest.approx([58, 78.4])
    assert shot.value(metrics) == pytest.approx(100 * 0.05 / 0.3006, rel=0.01)  # AlexNet flips at 30.06 %
    alexnets = (0.67474 + 0.7605 + 0.84378 + 0.8726 + 0.945) / 5
    assert fog.value(metrics) == pytest.approx(100 * 0.4 / alexnets)
    assert Column(Measure("R", ("r", "error"))).value(metrics) is None


def test_where_words_and_code_differ_the_codes_form_is_compared() -> None:
    metrics = {
        "adversaries": {"pgd_error_reference": {"value": 0.9}, "pgd_error_corrected": {"value": 0.8}},
        "calibration": {"rms_reference": {"value": 0.03}, "rms_all_bins": {"value": 0.04}},
        "c": {"rms_reference_by_corruption": {"value": 0.1}, "rms_all_bins_by_corruption": {"value": 0.2}},
    }
    four = {column.measure.path: column.value(metrics) for column in TABLES["4"].columns}
    assert four["adversaries", "pgd_error_reference"] == pytest.approx(90)
    assert four["calibration", "rms_reference"] == pytest.approx(3)
    assert four["c", "rms_reference_by_corruption"] == pytest.approx(10)
    assert not any("corrected" in path[-1] or "all_bins" in path[-1] for path in four)


def test_latex_has_a_command_for_every_sign_of_the_tables() -> None:
    grid = Grid("k and β", ["C̄ mCE ↓", "AUROC ↑"], [("ℓ∞, β = 3", [Cell("1.0 ± 0.5", True, "2.0 −1.0"), Cell("–")])])
    lines = latex(grid).splitlines()
    assert r"\caption{k and $\beta$}" in lines
    assert r" & \makecell[r]{$\bar{C}$ mCE $\downarrow$} & \makecell[r]{AUROC $\uparrow$} \\" in lines
    row = r"$\ell$$\infty$, $\beta$ = 3 & \makecell[r]{\textbf{1.0 $\pm$ 0.5}\\ \scriptsize 2.0 $-$1.0} & -- \\"
    assert row in lines
