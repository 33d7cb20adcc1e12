"""RobustBench's boards of corruptions and of adversaries: the entry of a network, and its row of single accuracies.

What RobustBench's own generator does not know either (authors, venue, link, ...) is null, for its submitter to fill in.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mixset._common.errors import InputError, printable, reading
from mixset._common.files import ensured_folder
from mixset._common.partials import write_atomically
from mixset._common.regular import read_regular
from pixmix._common.autoattack import radius_of
from pixmix.measures import SEVERITIES, robustbench_alexnet_errors
from pixmix.readers._problems import warn_once

from .._runs.records import read_config, read_json, read_metrics
from .._runs.run_folder import RunFolder, write_json

IMAGES = {"cifar10": 10_000, "cifar100": 10_000, "imagenet": 5_000}
"""How many images each board is measured on."""
RADII = {
    ("cifar10", "linf"): "8/255",
    ("cifar100", "linf"): "8/255",
    ("imagenet", "linf"): "4/255",
    ("cifar10", "l2"): "0.5",
}
THREATS = {"linf": "Linf", "l2": "L2"}
"""Norms by the names of RobustBench's folders."""
ROWS = "unaggregated_results.csv"


class Measured(NamedTuple):
    """What a run measured."""

    name: str
    dataset: str
    """One of `IMAGES`."""
    metrics: dict[str, Any]
    architecture: str | None


def export(runs: Sequence[Path], out: Path) -> list[Path]:
    """Write `DATASET/THREAT/NAME.json`, as in RobustBench's model_info, and `DATASET/corruptions/` with a row a run.

    Args:
        runs: folders of runs or evaluations, whose names the entries get.
        out: the folder. An entry that is there keeps what has been filled in by hand, the table its other rows.

    Returns:
        The files.

    Raises:
        InputError: a run has nothing that a board takes, or two have one name; what it has that no board takes is said.
    """
    entries: dict[Path, dict[str, Any]] = {}
    rows: dict[str, dict[str, list[float]]] = {}
    left_out: list[str] = []
    for run in runs:
        measured = _read(run)
        problems: list[str] = []
        before = len(entries)
        for threat, entry in _entries(measured, problems):
            path = out / measured.dataset / threat / f"{measured.name}.json"
            if path in entries:
                raise InputError(f"pixmix export robustbench: two runs are called {measured.name}; rename one")
            entries[path] = entry
            if threat == "corruptions":
                rows.setdefault(measured.dataset, {})[measured.name] = _accuracies(measured)
        if len(entries) == before:
            raise InputError(f"{run}: has nothing that RobustBench takes: {'; '.join(problems)}")
        left_out += [f"{run}: left out: {problem}" for problem in problems]
    for path, entry in entries.items():
        with ensured_folder(path.parent, "folder"):
            kept = read_json(path, "take it away") if path.exists() else {}
            write_json(path, entry | {name: value for name, value in kept.items() if entry.get(name) in (None, "")})
    tables = {out / dataset / "corruptions" / ROWS: each for dataset, each in rows.items()}
    for path, table in tables.items():
        write_atomically(path, _table(_rows_there(path) | table).encode())
    for line in left_out:  # only now: what cannot be read or written is one line alone
        warn_once(line)
    return [*entries, *tables]


def _read(run: Path) -> Measured:
    folder = RunFolder(run)
    metrics = read_metrics(folder.metrics)
    config = read_config(folder.config)["config"] if folder.config.exists() else {}
    dataset = str(metrics.get("dataset", config.get("dataset")))
    if metrics.get("robustbench"):
        dataset = "imagenet"
    if dataset not in IMAGES:
        raise InputError(
            f"{run}: is of {printable(dataset)}; RobustBench's boards are of cifar10, cifar100, and ImageNet's images "
            "that `pixmix evaluate --robustbench` measures"
        )
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", run.resolve().name).lstrip(".") or "run"
    return Measured(name, dataset, metrics, config.get("network", metrics.get("model")))


def _entries(measured: Measured, problems: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Threat → entry, of what a board takes; `problems` gets a line for each of the others."""
    clean = measured.metrics.get("clean", {}).get("error", {})
    count = IMAGES[measured.dataset]
    if clean.get("n") != count:
        problems.append(f"clean error of all {count:,} images (suite clean)")
        return
    common = _common(measured, clean["value"])
    if problem := _corruption_problem(measured):
        problems.append(problem)
    else:
        cells = _accuracies(measured)
        entry = {**common, "eps": None, "reported": "", "corruptions_acc": _percent(sum(cells) / len(cells))}
        if measured.dataset == "imagenet":
            mce = measured.metrics["c"]["mce_robustbench"]["value"]
            entry |= {"corruptions_mce": _percent(mce), "corruptions_acc_3d": None, "corruptions_mce_3d": None}
        yield "corruptions", entry
    for norm, threat in THREATS.items():
        radius = RADII.get((measured.dataset, norm))
        if radius is None:
            continue
        attacked = _attacked(measured, norm, radius)
        if attacked is None:
            problems.append(
                f"AutoAttack at {radius} on all {count:,} images (suite autoattack, --autoattack.{norm} {radius} "
                f"--autoattack.count {count})"
            )
            continue
        unreliable = bool(attacked.get("warnings"))
        robust = _percent(1 - attacked["value"])
        yield threat, {**common, "eps": radius, "autoattack_acc": robust, "reported": "", "unreliable": unreliable}


def _common(measured: Measured, error: float) -> dict[str, Any]:
    """What the entries of all threats have; null is what only the submitter knows."""
    return {
        "link": None,
        "name": None,
        "authors": None,
        "additional_data": None,
        "number_forward_passes": 1,
        "dataset": measured.dataset,
        "venue": None,
        "architecture": measured.architecture,
        "eps": None,
        "clean_acc": _percent(1 - error),
    }


def _corruption_problem(measured: Measured) -> str:
    """Why the suite c is not what the board takes; empty where it is."""
    suite, count = measured.metrics.get("c"), IMAGES[measured.dataset]
    if not suite:
        return "errors under corruptions (suite c)"
    whole = {str(severity) for severity in SEVERITIES}
    missing = [name for name in _names() if set(suite.get(name, {}).get("severities", {})) != whole]
    if missing:
        return f"suite c lacks severities of {', '.join(missing[:4])}{' and others' if len(missing) > 4 else ''}"
    if suite.get("set", {}).get("source") != "official":
        return "suite c is of a generated set, the board of the official one"
    if any(suite[name].get("n") != count for name in _names()):
        return f"suite c is not of all {count:,} images"
    if measured.dataset == "imagenet" and "value" not in suite.get("mce_robustbench", {}):
        return "suite c has no mce_robustbench; the network is not of ImageNet's 1,000 classes"
    return ""


def _attacked(measured: Measured, norm: Any, radius: str) -> dict[str, Any] | None:
    """The measure of AutoAttack's standard version at a board's radius, on all images; None where there is none."""
    for name, entry in measured.metrics.get("autoattack", {}).items():
        there = name.removeprefix(f"error_{norm}_")
        if there != name and "value" in entry and radius_of(there, norm) == radius_of(radius, norm):
            fits = entry.get("n") == IMAGES[measured.dataset] and entry.get("version") == "standard"
            return entry if fits else None
    return None


def _names() -> list[str]:
    """The corruptions in the order of RobustBench's tables."""
    return list(robustbench_alexnet_errors())


def _accuracies(measured: Measured) -> list[float]:
    """The 75 accuracies in the order of RobustBench's tables."""
    suite = measured.metrics["c"]
    return [round(1 - suite[name]["severities"][str(severity)], 6) for name in _names() for severity in SEVERITIES]


def _headers() -> list[list[str]]:
    corruptions = [name for name in _names() for _ in SEVERITIES]
    return [["", *corruptions], ["", *(str(severity) for _ in _names() for severity in SEVERITIES)]]


def _rows_there(path: Path) -> dict[str, list[Any]]:
    """The rows of a table, by name; none where there is no table.

    Raises:
        InputError: it has other columns.
    """
    if not path.exists():
        return {}
    with reading(str(path), "take it away"):
        lines = list(csv.reader(io.StringIO(read_regular(path).decode())))
        if lines[:2] != _headers() or any(len(line) != len(lines[0]) for line in lines):
            raise ValueError("it has other columns than RobustBench's 75")
        return {name: values for name, *values in lines[2:]}


def _table(rows: dict[str, list[Any]]) -> str:
    """A CSV of two lines of headers, corruption and severity, and a line a run."""
    text = io.StringIO()
    lines = [[name, *values] for name, values in rows.items()]
    csv.writer(text, lineterminator="\n").writerows([*_headers(), *lines])
    return text.getvalue()


def _percent(fraction: float) -> str:
    """As text with two decimals at most, as RobustBench has it."""
    return str(round(100 * fraction, 2))
