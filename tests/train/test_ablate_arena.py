"""The arena: its rows and what is added to them, intervals and what they say about the best, and digits end to end."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from test_ablate_results import cells, give, made

from mixset import MixingPool, MixingSet
from mixset._common.errors import InputError
from pixmix.methods import METHODS, find_parts, make_method
from pixmix.train._ablations import AblateConfig
from pixmix.train._ablations.columns import AUROC, CIFAR, CLEAN, MT5D
from pixmix.train._ablations.intervals import interval, mark
from pixmix.train._ablations.plan import make_plan
from pixmix.train._ablations.render import grid, numbers
from pixmix.train._ablations.rows import WHOLE, rows_of
from pixmix.train._ablations.tables import LABELS, RIVALS, TABLES
from pixmix.train._ablations.titles import title
from pixmix.train._reports.grids import Cell, latex, markdown


def arena(**options: Any) -> AblateConfig:
    return AblateConfig(table="arena", **{"out": Path("out"), **options})


def test_its_rows_are_table_3s_and_every_rival() -> None:
    assert TABLES["arena"].rows == (*TABLES["3"].rows, *RIVALS)
    of_paper = {row for table in TABLES.values() if not table.ours for row in table.rows}
    alone = {name for name, row in METHODS.items() if row.changes != "views"}
    assert {row for row in RIVALS if "+" not in row} == alone - of_paper
    assert {"apr-s+apr-p", "regmixup", "rotpred", "prime", "ipmix"} <= set(RIVALS)
    assert TABLES["arena"].columns == TABLES["3"].columns == CIFAR


def test_it_shares_its_runs_with_the_papers_tables() -> None:
    three, field = make_plan(AblateConfig(table="3", out=Path("out"))), make_plan(arena())
    for name, task in three.tasks.items():
        assert field.tasks[name].parts == task.parts


@pytest.mark.parametrize(("dataset", "table"), [(None, "3"), ("cifar100", "3"), ("cifar10", "4"), ("digits", None)])
def test_it_has_the_papers_numbers_where_the_paper_has_the_data(dataset: str | None, table: str | None) -> None:
    field = arena(dataset=dataset).paper
    for row in TABLES["3"].rows:
        expected = [None if table is None else TABLES[table].paper(row, column) for column in CIFAR]
        assert [field.paper(row, column) for column in CIFAR] == expected
    assert field.paper("apr-s", CLEAN) is None
    shown = {None: "CIFAR-100", "cifar100": "CIFAR-100", "cifar10": "CIFAR-10"}.get(dataset, dataset)
    assert title(arena(dataset=dataset)) == f"PixMix and its rivals on {shown}"


def added(plus: str, *rows: str) -> dict[str, tuple[str, str]]:
    return {name: (row.method, row.label) for name, row in rows_of(arena(rows=rows, plus=plus)).items()}


def test_a_method_is_added_to_rows_that_take_it() -> None:
    assert added("cutmix", "baseline", "mixup", "pixmix", "apr-s+apr-p", "augmix", "oe", "fractals", "sin") == {
        "baseline": ("baseline", "Baseline"),
        "mixup": ("mixup", "Mixup"),
        "pixmix+cutmix": ("pixmix+cutmix", "PixMix + CutMix"),
        "apr-s+apr-p": ("apr-s+apr-p", "APR-SP"),
        "augmix": ("augmix", "AugMix"),
        "oe": ("oe", "OE"),
        "fractals+cutmix": ("pixmix+cutmix", "Fractals + CutMix"),
        "sin+cutmix": ("sin+cutmix", "SIN + CutMix"),
    }
    assert list(added("cutmix", "pixmix", "pixmix+cutmix")) == ["pixmix+cutmix"]
    plan = make_plan(arena(rows=("pixmix", "mixup"), plus="cutmix"))
    assert [cell.run.name for cell in plan.cells] == ["pixmix+cutmix-s0", "mixup-s0"]
    assert "--method pixmix+cutmix" in " ".join(plan.tasks["runs/pixmix+cutmix-s0"].command)
    assert title(arena(plus="cutmix")).endswith("; changed: cutmix added to rows that take it")


def test_three_views_go_with_every_method_of_images() -> None:
    config = arena(plus="jsd", outliers=Path("outliers"))
    with_views = {name.removesuffix("+jsd") for name in rows_of(config) if name.endswith("+jsd")}
    single = {name for name, row in METHODS.items() if row.changes == "images" and name not in WHOLE}
    assert with_views == single & set(TABLES["arena"].rows)
    assert {"pixmix", "ipmix", "prime", "apr-s", "cutout"} <= with_views
    assert added("jsd", "prime+pixmix", "augmix", "rotpred", "pixmix+cutmix") == {
        "prime+pixmix+jsd": ("prime+pixmix+jsd", "PRIME + PixMix + JSD"),
        "augmix": ("augmix", "AugMix"),
        "rotpred": ("rotpred", "RotPred"),
        "pixmix+cutmix": ("pixmix+cutmix", "PixMix + CutMix"),
    }
    plan = make_plan(config)
    assert len(plan.cells) == len(TABLES["arena"].rows) and not plan.left_out


def test_what_no_row_takes_is_refused() -> None:
    with pytest.raises(InputError, match="plus cutmix: none of the rows takes it: baseline, mixup, oe"):
        rows_of(arena(rows=("baseline", "mixup", "oe"), plus="cutmix"))
    with pytest.raises(InputError, match="plus jst: unknown; the methods are baseline, cutout"):
        arena(plus="jst")


def test_methods_that_take_nothing_are_those_that_show_several_images(mixing_folder: Path) -> None:
    pool = MixingPool(MixingSet(mixing_folder), 32, quiet=True)
    given: dict[str, Any] = {"pool": pool, "outliers": np.zeros((8, 32, 32, 3), np.uint8)}
    grey = {"mean": (0.5, 0.5, 0.5), "std": (0.2, 0.2, 0.2)}
    for name, row in METHODS.items():
        if row.changes == "images" and not row.in_training:
            method = make_method(name, classes=10, size=(32, 32), **grey, **given)
            assert (method.views > 1) == (name in WHOLE), name


def run(value: float, ends: tuple[float, float] | None = None, name: str = "error") -> dict[str, Any]:
    return {"clean": {name: {"value": value} | ({} if ends is None else {"interval": list(ends)})}}


def test_an_interval_holds_other_test_images_and_other_seeds() -> None:
    assert interval(CLEAN, []) is None and interval(CLEAN, [run(0.2)]) is None
    assert interval(CLEAN, [run(math.nan, (0.1, 0.3))]) is None
    assert interval(CLEAN, [run(0.2, (0.1, 0.35))]) == pytest.approx([10, 35])
    seeds = [0.20, 0.24, 0.22]
    low, high = stats.t.interval(0.95, 2, statistics.fmean(seeds), stats.sem(seeds))
    assert interval(CLEAN, [run(seed) for seed in seeds]) == pytest.approx([100 * low, 100 * high])
    # Seeds that agree by chance do not make few images many.
    narrow = [run(0.22, (0.1, 0.3)), run(0.22, (0.2, 0.4))]
    assert interval(CLEAN, narrow) == pytest.approx([15, 35])
    assert interval(CLEAN, [run(0.1), run(0.9)]) == [0, 100]
    wide = [run(seed, (seed - 0.001, seed + 0.2)) for seed in seeds]
    assert interval(CLEAN, wide) == pytest.approx([100 * low, 42])
    assert interval(MT5D, [{"p": {"mt5d": {"value": 2.7, "interval": [2.5, 2.9]}}}]) == [2.5, 2.9]


def test_intervals_relative_to_alexnets_are_so_too() -> None:
    five, eight, nine = ({column.measure.name: column for column in TABLES[name].columns} for name in ("5", "8", "9"))
    metrics = {
        "p": {"mfr": {"value": 0.1}, "shot_noise": {"value": 0.06, "interval": [0.05, 0.07]}},
        "c": {"mce": {"value": 0.5, "interval": [0.4, 0.6]}},
        "anomalies": {"mean": {"auroc": {"value": 0.9, "interval": [0.8, 0.95]}}},
    }
    assert five["C mCE"].interval(metrics) == pytest.approx((40, 60))
    metrics["c"] |= {"mce_alexnet": {"value": 0.78, "interval": [0.7, 0.8]}}
    metrics["p"] |= {"mfr_alexnet": {"value": 0.6}}
    assert five["C mCE"].interval(metrics) == pytest.approx((70, 80))
    value, ends = eight["shot noise"].value(metrics), eight["shot noise"].interval(metrics)
    assert value is not None and ends == pytest.approx((value * 5 / 6, value * 7 / 6))
    assert AUROC.interval(metrics) == pytest.approx((80, 95))
    assert nine["mean AUROC"].interval(metrics) is None  # of other sets than those of the interval


def marked(*given: tuple[float | None, list[float] | None], higher_is_better: bool = False) -> list[tuple[bool, bool]]:
    each = [{"mean": mean, "interval": ends} for mean, ends in given]
    mark(each, higher_is_better)
    return [(bool(cell["best"]), bool(cell["close"])) for cell in each]


BEST, CLOSE, APART = (True, False), (False, True), (False, False)


def test_what_overlaps_with_the_best_is_close() -> None:
    given: list[Any] = [(20, [18, 22]), (21, [22, 23]), (24, [22.1, 26]), (None, None), (25, None), (20.04, [20, 21])]
    assert marked(*given) == [BEST, CLOSE, APART, APART, APART, BEST]
    assert marked(*given[:4], higher_is_better=True) == [APART, CLOSE, BEST, APART]
    assert marked((20, None), (21, [10, 30])) == [BEST, APART]
    assert marked((20, [10, 30]), (None, None)) == [APART, APART]


def measured(error: float, auroc: float) -> dict[str, Any]:
    """Half a dozen points either side."""
    return {
        "clean": {"error": {"value": error, "interval": [error - 0.03, error + 0.03]}},
        "anomalies": {"mean": {"auroc": {"value": auroc, "sets": ["blobs"], "interval": [auroc - 0.03, auroc + 0.03]}}},
    }


@pytest.fixture
def field(tmp_path: Path) -> AblateConfig:
    """Three rows on digits, two seeds."""
    config = arena(dataset="digits", rows=("baseline", "apr-s", "regmixup"), seeds=(0, 1), out=tmp_path / "out")
    for seed in (0, 1):
        give(config, "baseline", seed, measured(0.300 + seed / 100, 0.80))
        give(config, "apr-s", seed, measured(0.199 + seed / 500, 0.93))
        give(config, "regmixup", seed, measured(0.249 + seed / 500, 0.95))
    return config


def test_the_table_shows_the_best_and_what_cannot_be_told_from_it(field: AblateConfig) -> None:
    found = made(field)
    shown = grid(found)
    assert shown.title.startswith("PixMix and its rivals on digits")
    lines = {label: dict(zip(shown.headings, row, strict=True)) for label, row in shown.rows}
    error = {label: line["Clean error ↓"] for label, line in lines.items()}
    assert error["APR-S"] == Cell("20.0 ± 0.1", True)
    assert error["RegMixup"] == Cell("25.0 ± 0.1 ≈")
    # By the seeds alone: Student's interval of two that are a point apart is thirteen points wide.
    ends = cells(found, "baseline")["Clean error ↓"]["interval"]
    assert ends == pytest.approx([30.5 - 6.353, 30.5 + 6.353], abs=0.01)
    assert error["Baseline"] == Cell("30.5 ± 0.7")
    detection = {label: line["AUROC ↑"].text for label, line in lines.items()}
    assert detection == {"Baseline": "80.0 ± 0.0", "APR-S": "93.0 ± 0.0 ≈", "RegMixup": "95.0 ± 0.0"}
    assert shown.notes[0] == "bold: the best; ≈: its 95 % interval and the best's overlap"
    assert "**20.0 ± 0.1** |" in markdown(shown) and "25.0 ± 0.1 ≈ |" in markdown(shown)
    assert r"25.0 $\pm$ 0.1 $\approx$ &" in latex(shown)
    assert json.loads(json.dumps(found)) == found


def test_csv_has_the_ends_of_the_intervals(field: AblateConfig) -> None:
    header, *lines = [line.split(",") for line in numbers(made(field)).splitlines()]
    first = dict(zip(header, lines[0], strict=True))
    assert (first["table"], first["row"], first["measure"]) == ("arena", "baseline", "clean.error")
    assert float(first["low"]) == pytest.approx(30.5 - 6.353, abs=0.01)
    assert float(first["high"]) == pytest.approx(30.5 + 6.353, abs=0.01)


def test_rows_that_are_added_to_have_no_number_of_the_papers(tmp_path: Path) -> None:
    config = arena(dataset="cifar10", rows=("baseline", "pixmix"), plus="cutmix", out=tmp_path)
    found = made(config)
    assert cells(found, "baseline")["Clean error ↓"]["paper"] == 4.4
    assert cells(found, "pixmix+cutmix")["Clean error ↓"]["paper"] is None


def test_every_row_of_several_parts_composes() -> None:
    for name in LABELS:
        if "+" in name:
            assert len(find_parts(name)) == 2, name
