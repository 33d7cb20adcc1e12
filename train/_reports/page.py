"""The page as HTML: a title, the legend of the runs, a table of contents, and a section for each template."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from .svg import style_of


@dataclass(frozen=True)
class Section:
    """A part of the page with a line in its table of contents; without a template it is left out."""

    anchor: str
    title: str
    template: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    """What the template shows."""

    def __html__(self) -> str:
        return render(self.template, **self.values)


def render(template: str, **values: Any) -> str:
    """A template of this package as HTML; every value is escaped but for what has `__html__`: plots and sections."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    folder = files(__package__)
    loader = FunctionLoader(lambda name: (folder / name).read_text("utf-8"))
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def page(title: str, lead: Mapping[str, Any], names: Sequence[str], sections: Iterable[Section]) -> str:
    """The whole page.

    Args:
        title: its heading.
        lead: what the lines below the title say of the runs.
        names: of the runs, in the order of their colours.
    """
    shown = [section for section in sections if section.template]
    legend = [(style_of(index), name) for index, name in enumerate(names)]
    return render("page.html", title=title, legend=legend, sections=shown, **lead)


Shares = list[tuple[str, list[tuple[str, float | None]]]]
"""Rows of (name, cells), a cell being its text and its value in per cent of the largest one, or None."""


def heat(rows: Sequence[tuple[str, Sequence[float | None]]], *, decimals: int = 1) -> Shares:
    """The rows of a table whose cells are coloured more deeply the larger their value is."""
    numbers = [value for _, values in rows for value in values if value is not None and math.isfinite(value)]
    highest = max(numbers, default=0.0) or 1.0

    def cell(value: float | None) -> tuple[str, float | None]:
        if value is None or not math.isfinite(value):
            return "–", None
        return f"{value:.{decimals}f}", round(100 * max(value, 0) / highest)

    return [(name, [cell(value) for value in values]) for name, values in rows]
