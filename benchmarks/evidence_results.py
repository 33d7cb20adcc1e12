"""The files of finished cells, small and sealed with their hash: written once, read with a look at what they hold."""

from __future__ import annotations

import datetime
import platform
import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from evidence_cells import Cell, Site, digest

from mixset._common.cores import usable_cores
from mixset._common.errors import InputError, reading
from mixset._common.files import ensured_folder
from mixset._common.jsons import unseal_json, write_sealed_json
from mixset._common.regular import read_regular
from pixmix.train._ablations.runner import seconds_of
from pixmix.train._runs.processes import choose_device
from pixmix.train._runs.records import NUMBER, OBJECT, TEXT, TEXTS, WHOLE, Kind, check, check_metrics, read_metrics
from pixmix.train._runs.run_folder import versions

SCHEMA = "pixmix-evidence/1"
MOST_BYTES = 1 << 20
BULKY = ("made", "reliability")
"""Of a suite: how each of its files was made, and the bins of a diagram. No table shows them, and a run has them."""
ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "results"
"""Where the files lie."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """A finished cell."""

    cell: str
    """Its name."""
    row: str
    seed: int
    key: dict[str, Any]
    images: dict[str, str]
    """What data set and outliers are called."""
    commands: list[str]
    """All that made it, from the mixing set to the measures; OUT stands for the folder."""
    versions: dict[str, str]
    card: str
    devices: list[str]
    """Where cells ran side by side with it, itself included."""
    date: str
    seconds: dict[str, float]
    """Of training, measures, and what they need: the sets and suites, which other cells share."""
    metrics: dict[str, Any]

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.cell}-{digest(self.key)}.json"


KINDS: dict[str, Kind] = {
    **dict.fromkeys(("cell", "row", "card", "date"), TEXT),
    **dict.fromkeys(("key", "images", "versions", "seconds", "metrics"), OBJECT),
    **dict.fromkeys(("commands", "devices"), TEXTS),
    "seed": WHOLE,
}
KEYS: dict[str, Kind] = {
    **dict.fromkeys(("recipe", "sets"), OBJECT),
    **dict.fromkeys(("precision", "dataset"), TEXT),
    **dict.fromkeys(("ood", "outliers"), ("text, or null", lambda value: value is None or isinstance(value, str))),
    "protocol": WHOLE,
}
SET: Kind = ("a count and a content", lambda value: isinstance(value, dict) and value.keys() == {"count", "content"})


def gather(site: Site, cell: Cell, extra: Mapping[str, float]) -> Result:
    """What a cell that has ended in the site's folder leaves.

    Args:
        extra: seconds of what was made besides.
    """
    plan, last, run = site.plan(cell)
    tasks = plan.needed(last.name)
    kinds = {"runs": "training", "measures": "measures"}
    seconds = {}
    for task in tasks:
        kind, _, name = task.name.partition("/")
        seconds[kinds.get(kind, name)] = seconds_of(task.name, site.folder)
    places = site.config([cell]).places
    named = {"dataset": site.data, "ood": site.ood, "outliers": site.outliers if cell.row == "oe" else None}
    return Result(
        cell=cell.name,
        row=cell.row,
        seed=cell.seed,
        key=site.key(cell),
        images={name: path.name for name, path in named.items() if path is not None},
        commands=[_portable(shlex.join(task.command), site) for task in tasks],
        versions=versions(),
        card=card(places[0]),
        devices=places,
        date=datetime.date.today().isoformat(),
        seconds=seconds | dict(extra),
        metrics=slim(read_metrics(run / "metrics.json"), site),
    )


def _portable(text: str, site: Site) -> str:
    """A text without the names of this machine's folders."""
    given = {path: path.name for path in (site.data, site.ood, site.frost, site.outliers, site.fvis) if path}
    for path, name in {**given, site.folder: "OUT"}.items():
        text = re.sub(rf"(?<![\w./-]){re.escape(str(path))}(?![\w.-])", name, text)
    return text


def slim(metrics: dict[str, Any], site: Site) -> dict[str, Any]:
    """What was measured, without what no table shows and without the names of this machine's folders."""
    kept: dict[str, Any] = {}
    for name, entry in metrics.items():
        if name in BULKY:
            continue
        if isinstance(entry, dict):
            entry = slim(entry, site)
        kept[name] = _portable(entry, site) if isinstance(entry, str) else entry
    return kept


def card(device: str) -> str:
    """What a cell was computed on."""
    chosen = choose_device(device)
    if chosen.type == "cuda":
        return torch.cuda.get_device_name(chosen)
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {usable_cores()} cores"


def write_result(result: Result, folder: Path) -> Path:
    """Write a cell's file; the folder is made when missing."""
    with ensured_folder(folder, "folder"):
        write_sealed_json(folder / result.file, {"schema": SCHEMA, **asdict(result)})
    return folder / result.file


def read_results(folder: Path) -> list[Result]:
    """All finished cells, in the order of their files' names; none where there is no folder.

    Raises:
        InputError: a file is no cell's, or damaged.
    """
    return [read_result(path) for path in sorted(folder.glob("*.json"))]


def read_result(path: Path) -> Result:
    """The cell in a file.

    Raises:
        InputError: it is absent, damaged, or not what `write_result` writes.
    """
    with reading(str(path), "take it away, and run its cell again"):
        values, sealed = unseal_json(read_regular(path, MOST_BYTES))
        if not sealed or values.pop("schema", None) != SCHEMA:
            raise InputError(f"{path}: is no result of this release, {SCHEMA}; take it away")
        for name, kind in KINDS.items():
            check(values.get(name), kind, name)
        for name, kind in KEYS.items():
            check(values["key"].get(name), kind, f"key.{name}")
        for name, made in values["key"]["sets"].items():
            check(made, SET, f"key.sets.{name}")
        for name in ("training", "measures", *values["seconds"]):
            check(values["seconds"].get(name), NUMBER, f"seconds.{name}")
        for part, name in (("images", "dataset"), ("versions", "torch")):
            check(values[part].get(name), TEXT, f"{part}.{name}")
        check_metrics(values["metrics"])
        datetime.date.fromisoformat(values["date"])
        result = Result(**values)
        if path.name != result.file:
            raise InputError(f"{path}: should be called {result.file} by its key; rename it")
        return result
