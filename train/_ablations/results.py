"""From finished runs to a table's numbers: ours, the paper's, the difference."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from mixset.generate._job.families import FAMILIES

from .._reports.table import one_precision
from .._runs.records import read_metrics
from .._runs.run_folder import versions
from .columns import Column
from .config import AblateConfig
from .intervals import interval, mark
from .plan import Plan
from .rows import rows_of
from .runner import is_done, log_of
from .titles import title

SCHEMA = "pixmix-table/1"
ANT = "ANT as its paper describes it; its authors' released script trains and keeps its generators in another order"


def results(config: AblateConfig, plan: Plan, failed: dict[str, str]) -> dict[str, Any]:
    """The table as JSON types: all that its renderings show.

    A cell has the values of the seeds, their mean, standard deviation (of one seed: None) and 95 % interval, the
    paper's number and the difference, in the units of the paper's tables (per cent but for a plain mT5D), and whether
    it is its column's best, or close: its interval and the best's overlap. A row says which of its runs failed or are
    not there yet.
    """
    table = config.paper
    rows = [_row(config, plan, name, failed) for name in rows_of(config)]
    for index, column in enumerate(table.columns):
        mark([row["cells"][index] for row in rows], column.measure.higher_is_better)
    measured = [read_metrics(Path(run) / "metrics.json") for row in rows for run in row["runs"]]
    runs = [run for row in rows for run in row["runs"]]
    one_precision([("the paper's", {}), *zip(runs, measured, strict=True)])
    return {
        "schema": SCHEMA,
        "table": table.name,
        "title": title(config),
        "layout": table.layout,
        "columns": [
            {
                "heading": column.shown(measured).heading,
                "measure": list(column.measure.path),
                "higher_is_better": column.measure.higher_is_better,
            }
            for column in table.columns
        ],
        "rows": rows,
        "seeds": list(config.seeds),
        "notes": _notes(config, rows, measured),
        "versions": versions(),
    }


def _row(config: AblateConfig, plan: Plan, name: str, failed: dict[str, str]) -> dict[str, Any]:
    row = rows_of(config)[name]
    cells = [cell for cell in plan.cells if cell.row == name]
    runs, problems = [], []
    for cell in cells:
        broken = next((task.name for task in plan.needed(cell.task) if task.name in failed), None)
        if broken is not None:
            reason = f"{failed[broken]} (log {log_of(broken, config.folder)})"
            problems.append({"seed": cell.seed, "state": "failed", "why": reason})
        elif not is_done(plan.tasks[cell.task], config.folder):
            problems.append({"seed": cell.seed, "state": "missing", "why": "not run yet"})
        else:
            runs.append(cell.run)
    if name in plan.left_out:
        problems.append({"seed": None, "state": "left out", "why": plan.left_out[name]})
    measured = [read_metrics(run / "metrics.json") for run in runs]
    return {
        "name": name,
        "label": row.label,
        "runs": [str(run) for run in runs],
        "problems": problems,
        "cells": [_cell(config, name, column, measured) for column in config.paper.columns],
    }


def _cell(config: AblateConfig, row: str, column: Column, measured: list[dict[str, Any]]) -> dict[str, Any]:
    values = [value for metrics in measured if (value := column.value(metrics)) is not None]
    mean = statistics.fmean(values) if values else None
    paper = config.paper.paper(row, column)
    # mCE over AlexNet's and mCE as it is are two measures: there is no difference between them.
    same = all(column.comparable(metrics) for metrics in measured)
    return {
        "values": values,
        "mean": mean,
        "std": statistics.stdev(values) if len(values) > 1 else None,
        "interval": interval(column, measured),
        "paper": paper,
        "difference": mean - paper if mean is not None and paper is not None and same else None,
    }


def _notes(config: AblateConfig, rows: list[dict[str, Any]], measured: list[dict[str, Any]]) -> list[str]:
    """What a reader has to know: forms, sources, what is missing."""
    found = []
    suites = {column.suite for column in config.paper.columns}
    if any("reference" in column.measure.path[-1] for column in config.paper.columns):
        found.append("(ref.): in the form of the paper's code, as the paper's numbers are")
    names = {"c": "C", "cbar": "C̄", "p": "P"}
    made = [names[suite] for suite in names if suite in suites and getattr(config, suite) is None]
    if made:
        found.append(f"{', '.join(made)} made of the test images by `pixmix corrupt`, not the official images")
    if "r" in suites and config.r is None:
        headings = [column.measure.heading for column in config.paper.columns if column.suite == "r"]
        found.append(f"{', '.join(headings)} –: ImageNet-R was not given (--r)")
    if "anomalies" in suites:
        found.append(f"anomalies: {_outliers(rows, config.paper.columns)}")
    if any(not column.comparable(metrics) for metrics in measured for column in config.paper.columns):
        found.append(
            "ours is not relative to AlexNet's (a network of 1,000 classes would be), so there is no difference"
        )
    reasons = [(column.measure.heading, column.why(each)) for each in measured for column in config.paper.columns]
    found += [f"{heading} –: {why}" for heading, why in dict.fromkeys(reasons) if why]
    if "cbar" in suites and (near := _near_cbar(config, rows)):
        found.append(f"{', '.join(near)}: mixing images that resemble corruptions of C̄, whose errors they flatter")
    if any(row["name"] == "ant" for row in rows):
        found.append(ANT)
    found += config.paper.notes
    troubles: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for problem in row["problems"]:
            seed = "" if problem["seed"] is None else f" (seed {problem['seed']})"
            troubles.setdefault((problem["state"], problem["why"]), []).append(row["label"] + seed)
    found += [f"{', '.join(names)}: {state}, {why}" for (state, why), names in troubles.items()]
    return found


def _near_cbar(config: AblateConfig, rows: list[dict[str, Any]]) -> list[str]:
    """The labels of rows that mix in a family of `mixset make` near to C̄."""
    near = {name for name, family in FAMILIES.items() if family.near_cbar} - {*config.own_sets}
    known = rows_of(config)
    return [row["label"] for row in rows if near & {*known[row["name"]].sets}]


def _outliers(rows: list[dict[str, Any]], columns: tuple[Column, ...]) -> str:
    """The outlier sets that the means are of."""
    named = next((column.over for column in columns if column.over), ())
    for row in rows:
        for run in row["runs"]:
            found = read_metrics(Path(run) / "metrics.json").get("anomalies", {})
            if mean := found.get("mean", {}).get("auroc"):
                sets = [name for name in named if name in found] or mean["sets"]
                missing = [name for name in named if name not in found] if named else mean.get("absent", [])
                absent = f"; the paper's {', '.join(missing)} are absent" if missing else ""
                return f"mean over {', '.join(sets)}{absent}"
    return "not measured yet"
