"""Plots as inline SVG: axes that cover what they show, marks where they belong."""

from __future__ import annotations

import math
import re
from importlib.resources import files
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.metrics import auc

from pixmix.measures import auroc
from pixmix.train._reports.anomalies import CORNERS, _roc
from pixmix.train._reports.svg import Axis, Panel, axis, style_of

UNIT = Axis("", 0, 1, (0.0, 1.0))


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.integers(2, 8))
def test_an_axis_covers_its_values_with_a_few_round_ticks(low: float, span: float, ticks: int) -> None:
    made = axis("", low, low + span, ticks=ticks)
    tolerance = 1e-6 * max(abs(low), span, 1)
    assert made.low <= low + tolerance and made.high >= low + span - tolerance
    assert made.low < made.high
    assert 2 <= len(made.ticks) <= ticks + 3
    steps = np.diff(made.ticks)
    assert np.allclose(steps, steps[0], rtol=1e-6)
    assert made.ticks[0] == pytest.approx(made.low) and made.ticks[-1] == pytest.approx(made.high)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 100, (0, 20, 40, 60, 80, 100)),
        (0, 2.3, (0, 0.5, 1, 1.5, 2, 2.5)),
        (12, 17, (12, 13, 14, 15, 16, 17)),
        (0, 0, (0, 0.2)),
    ],
)
def test_ticks_are_those_one_would_choose(low: float, high: float, ticks: tuple[float, ...]) -> None:
    assert axis("", low, high).ticks == pytest.approx(ticks)


def drawn(panel: Panel) -> ElementTree.Element:
    """The drawing as XML, which HTML takes, too; one that is not well-formed raises."""
    return ElementTree.fromstring(panel.__html__())


def coordinates(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.-]+) ([\d.-]+)", path)]


def test_points_lie_where_the_axes_say() -> None:
    panel = Panel("a < b & c", Axis("x", 0, 10, (0.0, 10.0)), Axis("y", -1, 1, (-1.0, 1.0)))
    panel.line([(0, -1), (5, 0), (10, 1), (10, 7)], style_of(0), 'run "<1>"')
    svg = drawn(panel)
    assert svg.attrib["aria-label"] == "a < b & c"
    (line,) = (path for path in svg.iter("path") if path.attrib["class"].startswith("line"))
    first, middle, last, beyond = coordinates(line.attrib["d"])
    assert first == (panel.left, panel.bottom) and last == (panel.right, panel.top)
    assert middle == (pytest.approx((panel.left + panel.right) / 2, abs=0.1), (panel.top + panel.bottom) / 2)
    assert beyond == last  # what lies beyond the axis lies on its end
    assert [title.text for title in svg.iter("title")] == ['run "<1>"']
    words = [text.text for text in svg.iter("text")]
    assert words == ["a < b & c", "-1", "1", "0", "10", "x", "y"]


def test_a_gap_parts_a_line_and_a_lone_point_is_a_dot() -> None:
    panel = Panel("", UNIT, UNIT)
    panel.line([(0, 0), (0.1, 1), (0.2, math.nan), (0.3, 0.5), (0.4, math.inf), (0.5, 1), (1, 1)], "s0 d0")
    svg = drawn(panel)
    lines = [path.attrib["d"] for path in svg.iter("path") if path.attrib["class"].startswith("line")]
    assert [len(coordinates(line)) for line in lines] == [2, 1, 2]
    assert len(list(svg.iter("circle"))) == 1
    panel = Panel("", UNIT, UNIT)
    panel.line([(0.5, math.nan)], "s0 d0")
    panel.line([], "s0 d0")
    assert not panel.marks


def test_a_histogram_stands_on_its_axis() -> None:
    panel = Panel("", UNIT, UNIT)
    panel.steps([0, 0.5, 1], [0.25, 1], "s1 d0")
    (area,) = (path for path in drawn(panel).iter("path") if path.attrib["class"].startswith("area"))
    heights = [round((panel.bottom - y) / (panel.bottom - panel.top), 2) for _, y in coordinates(area.attrib["d"])]
    assert heights == [0, 0.25, 0.25, 1, 1, 0]


def test_long_titles_are_shortened_and_kept_for_who_cannot_see() -> None:
    title = "a-network-with-a-name-that-goes-on-and-on-to-the-very-end"
    svg = drawn(Panel(title, UNIT, UNIT, size=(200, 150)))
    (shown, *_) = svg.iter("text")
    assert shown.text is not None and len(shown.text) < 34
    assert shown.text.startswith("a-network") and shown.text.endswith("very-end")
    assert float(shown.attrib["textLength"]) <= 200
    assert svg.attrib["aria-label"] == title


def test_runs_have_a_style_each_which_the_style_sheet_draws() -> None:
    """Eight colours, each with a full, a dashed and a dotted line: 24 runs are told apart."""
    styles = [style_of(index) for index in range(25)]
    assert (styles[0], styles[7], styles[8], styles[23]) == ("s0 d0", "s7 d0", "s0 d1", "s7 d2")
    assert len({*styles}) == 24 and styles[24] == styles[0]
    css = (files("pixmix.train._reports") / "style.css").read_text()
    light, dark = (dict(re.findall(r"--(c\d+): (#\w{6})", part)) for part in css.split("@media", 2)[:2])
    for colours in (light, dark):
        assert list(colours) == [f"c{number}" for number in range(8)]
        assert len({*colours.values()}) == 8
    assert re.findall(r"\.(s\d+) \{ --c: var\(--(c\d+)\); \}", css) == [(f"s{n}", f"c{n}") for n in range(8)]
    assert re.findall(r"^\.(d\d+) \{ stroke-dasharray", css, re.MULTILINE) == ["d1", "d2"]


@pytest.mark.parametrize("count", [5, 40, 20_000])
def test_a_roc_curve_of_few_corners_holds_its_area(count: int) -> None:
    random = np.random.default_rng(count)
    known, anomalous = random.normal(size=5 * count), random.normal(1.0, 2.0, size=count)
    found = _roc((known, anomalous))
    assert found[0] == (0, 0) and found[-1] == (1, 1)
    assert len(found) <= CORNERS + 1
    assert auc(*np.array(found).T) == pytest.approx(auroc(known, anomalous), abs=0.002)
