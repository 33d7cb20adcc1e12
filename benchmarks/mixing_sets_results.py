"""The file of the benchmark: what each cell measured and what its set's images are like, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evidence_results import ROOT

from mixset._common.errors import InputError, reading
from mixset._common.files import ensured_folder
from mixset._common.jsons import unseal_json, write_sealed_json
from mixset._common.regular import read_regular
from pixmix.train._ablations.columns import CIFAR, Column
from pixmix.train._runs.records import NUMBER, OBJECT, TEXT, WHOLE, Kind, check

SCHEMA = "pixmix-mixing-sets/1"
MOST_BYTES = 1 << 24
FILE = ROOT / "docs" / "mixing-sets.json"
"""The results that the docs show."""


def key(column: Column) -> str:
    """What a column is called in the file: its place in `metrics.json`."""
    return ".".join(column.measure.path)


COLUMNS = {key(column): column for column in CIFAR}


def values_of(metrics: dict[str, Any]) -> dict[str, float]:
    """What a run measured, in the units of the tables: their columns, and the AUROC of each outlier set."""
    found = {name: column.value(metrics) for name, column in COLUMNS.items()}
    for name, entry in metrics.get("anomalies", {}).items():
        if isinstance(entry, dict) and name != "mean" and "value" in (auroc := entry.get("auroc") or {}):
            found[f"auroc {name}"] = 100 * auroc["value"]
    return {name: round(value, 4) for name, value in found.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A row under one seed."""

    row: str
    seed: int
    content: str
    """The hash of its set's images; empty without one."""
    values: dict[str, float]
    card: str
    date: str
    seconds: float
    """Of training and measures, with other cells beside it."""


CELL: dict[str, Kind] = {
    **dict.fromkeys(("row", "content", "card", "date"), TEXT),
    "seed": WHOLE,
    "values": OBJECT,
    "seconds": NUMBER,
}


@dataclass
class Results:
    """All cells of one protocol."""

    protocol: dict[str, Any]
    """What all have in common: data set, network, sizes."""
    sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Row -> label, whether it is near C̄, count of images, content, and statistics."""
    cells: list[Cell] = field(default_factory=list)

    def there(self, row: str, seed: int) -> bool:
        """Whether a cell has ended."""
        return any((one.row, one.seed) == (row, seed) for one in self.cells)

    def of(self, row: str) -> list[Cell]:
        """A row's cells."""
        return [one for one in self.cells if one.row == row]

    def write(self, path: Path) -> None:
        """Write all, in place of what was there."""
        with ensured_folder(path.parent, "folder"):
            write_sealed_json(path, {"schema": SCHEMA, **asdict(self)})


def read_results(path: Path) -> Results:
    """What `write` wrote.

    Raises:
        InputError: the file is absent, damaged, or of another release.
    """
    with reading(str(path), "take it away, and run the benchmark again"):
        found, sealed = unseal_json(read_regular(path, MOST_BYTES))
        if not sealed or found.pop("schema", None) != SCHEMA:
            raise InputError(f"{path}: is no result of this release, {SCHEMA}; take it away")
        check(found.get("protocol"), OBJECT, "protocol")
        check(found.get("sets"), OBJECT, "sets")
        for one in found["cells"]:
            for name, kind in CELL.items():
                check(one.get(name), kind, name)
            for name, value in one["values"].items():
                check(value, NUMBER, name)
        return Results(found["protocol"], found["sets"], [Cell(**one) for one in found["cells"]])


def opened(path: Path, protocol: dict[str, Any]) -> Results:
    """The results in a file so far, or none yet.

    Raises:
        InputError: the file has cells of another protocol.
    """
    if not path.exists():
        return Results(protocol)
    results = read_results(path)
    if differing := _differing(results.protocol, protocol):
        raise InputError(f"{path}: has cells of another protocol ({differing}); give another --results")
    return results


def _differing(before: dict[str, Any], now: dict[str, Any]) -> str:
    names: Sequence[str] = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return ", ".join(f"{name} {before.get(name)}, not {now.get(name)}" for name in names)
