"""`pixmix measures`: every measure and score with one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pixmix.measures import MEASURES
from pixmix.scores import SCORES


@dataclass(frozen=True, kw_only=True)
class MeasuresConfig:
    """List every measure with its unit, direction and source, and every anomaly score with what it needs."""


def listing() -> Iterator[str]:
    """The lines to print."""
    rows = [(row.name, row.unit, row.better, row.summary, row.source) for row in MEASURES]
    yield from _aligned([("measure", "unit", "better", "what it is", "source"), *rows])
    yield ""
    scores = [
        (name, ", ".join(("logits", *row.needs)), _settings(row.settings), row.summary, row.source)
        for name, row in SCORES.items()
    ]
    yield from _aligned([("anomaly score", "needs", "settings", "what it is", "source"), *scores])


def _settings(settings: Mapping[str, float | str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
