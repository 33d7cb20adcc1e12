"""Plots as inline SVG: a few lines of markup that take their colours from the page's style sheet.

Inline, so that they follow the colour scheme and their text can be read, searched and copied; without ids, so that any
number of them stand on one page.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

Point = tuple[float, float]

COLOURS, DASHES = 8, 3
"""How many the style sheet has: the ninth run has the first one's colour and a dashed line."""
LONGEST = 32
"""Most letters of a title that is shown whole."""


@dataclass(frozen=True)
class Axis:
    """What one side of a plot says."""

    label: str
    low: float
    high: float
    ticks: tuple[float, ...]


def axis(label: str, low: float, high: float, *, ticks: int = 5) -> Axis:
    """An axis over `low` to `high` that begins and ends at round numbers, with about so many ticks."""
    flat = high - low <= 1e-9 * max(abs(high), abs(low), 1)
    rough = (1.0 if flat else high - low) / ticks
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(max(high, low + step) / step - 1e-9)
    return Axis(label, first * step, last * step, tuple(index * step for index in range(first, last + 1)))


def style_of(index: int) -> str:
    """The classes for the colour and dash of the run with this index."""
    return f"s{index % COLOURS} d{index // COLOURS % DASHES}"


class Panel:
    """A plot: two axes, and lines, areas and dots in the colours of runs. Points are (x, y); NaN leaves a gap.

    Args:
        title: what is plotted, in words; also its label for screen readers.
        size: width and height in units of the drawing, in which text is 12 high.
    """

    def __init__(self, title: str, x: Axis, y: Axis, *, size: tuple[int, int] = (400, 290)) -> None:
        self.title, self.x, self.y = title, x, y
        self.width, self.height = size
        widest = max(len(_number(tick)) for tick in y.ticks)
        self.left = 8 + 7 * widest + (18 if y.label else 0)
        self.right, self.top = self.width - 10, 28
        self.bottom = self.height - (42 if x.label else 24)
        self.marks: list[str] = []

    def line(self, points: Iterable[Point], style: str, name: str = "", *, dots: bool = False) -> None:
        """A line through points; `name` is shown to a mouse that rests on it."""
        for run in _without_gaps(points):
            path = self._path(run)
            self.marks.append(f'<path class="line {style}" d="{path}">{_tip(name)}</path>')
            if dots or len(run) == 1:
                self.marks += [self._dot(point, style, name) for point in run]

    def steps(self, edges: Sequence[float], heights: Sequence[float], style: str, name: str = "") -> None:
        """A histogram: a filled outline over `edges`, one more than there are `heights`."""
        points = [(edges[0], 0.0)]
        for index, height in enumerate(heights):
            points += [(edges[index], height), (edges[index + 1], height)]
        points.append((edges[-1], 0.0))
        self.marks.append(f'<path class="area {style}" d="{self._path(points)}">{_tip(name)}</path>')

    def dot(self, point: Point, style: str, name: str, spans: tuple[Point, Point] | None = None) -> None:
        """A dot, with whiskers along x and y over `spans`."""
        if spans is not None:
            (low_x, high_x), (low_y, high_y) = spans
            for ends in ([(low_x, point[1]), (high_x, point[1])], [(point[0], low_y), (point[0], high_y)]):
                self.marks.append(f'<path class="whisker {style}" d="{self._path(ends)}"/>')
        self.marks.append(self._dot(point, style, name, radius=5))

    def __html__(self) -> str:
        """The drawing, which templates take as it is: names in it are escaped here."""
        kind = "" if self.width >= 300 else " small"
        return (
            f'<svg class="panel{kind}" role="img" aria-label="{escape(self.title)}" '
            f'viewBox="0 0 {self.width} {self.height}">'
            f"{self._title()}"
            f"{''.join(self._frame())}{''.join(self.marks)}</svg>"
        )

    def _title(self) -> str:
        """Shortened and narrowed where it is long: names of runs and corruptions may be."""
        text = (
            self.title if len(self.title) <= LONGEST else f"{self.title[: LONGEST // 2]}…{self.title[-LONGEST // 3 :]}"
        )
        room = self.width - self.left
        narrowed = f' textLength="{room}" lengthAdjust="spacingAndGlyphs"' if 7 * len(text) > room else ""
        return f'<text class="title" x="{self.left}" y="16"{narrowed}>{escape(text)}</text>'

    def _frame(self) -> Iterable[str]:
        for tick in self.y.ticks:
            y = self._y(tick)
            yield f'<path class="grid" d="M{self.left} {y:.1f}H{self.right}"/>'
            yield f'<text class="end" x="{self.left - 6}" y="{y + 4:.1f}">{_number(tick)}</text>'
        for tick in self.x.ticks:
            x = self._x(tick)
            yield f'<path class="tick" d="M{x:.1f} {self.bottom}v4"/>'
            yield f'<text class="mid" x="{x:.1f}" y="{self.bottom + 17}">{_number(tick)}</text>'
        yield f'<path class="axis" d="M{self.left} {self.bottom}H{self.right}"/>'
        middle = (self.left + self.right) / 2
        if self.x.label:
            yield f'<text class="mid" x="{middle:.1f}" y="{self.height - 8}">{escape(self.x.label)}</text>'
        if self.y.label:
            across = (self.top + self.bottom) / 2
            yield (
                f'<text class="mid" transform="translate(13 {across:.1f}) rotate(-90)">{escape(self.y.label)}</text>'
            )

    def _dot(self, point: Point, style: str, name: str, radius: float = 2.6) -> str:
        x, y = self._x(point[0]), self._y(point[1])
        return f'<circle class="dot {style}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}">{_tip(name)}</circle>'

    def _path(self, points: Sequence[Point]) -> str:
        return "M" + "L".join(f"{self._x(x):.1f} {self._y(y):.1f}" for x, y in points)

    def _x(self, value: float) -> float:
        return self.left + _share(value, self.x) * (self.right - self.left)

    def _y(self, value: float) -> float:
        return self.bottom - _share(value, self.y) * (self.bottom - self.top)


def _share(value: float, side: Axis) -> float:
    """Where on the axis a value lies, in [0, 1]; a value beyond an end is drawn at that end."""
    return min(max((value - side.low) / (side.high - side.low), 0.0), 1.0)


def _without_gaps(points: Iterable[Point]) -> list[list[Point]]:
    runs: list[list[Point]] = [[]]
    for x, y in points:
        if math.isfinite(x) and math.isfinite(y):
            runs[-1].append((x, y))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _number(value: float) -> str:
    return f"{round(value, 10):g}"


def _tip(name: str) -> str:
    return f"<title>{escape(name)}</title>" if name else ""
