"""Escape times: those of a plain Python loop over complex numbers, in windows where something happens."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mixset.generate._drawing.rng import Draws
from mixset.generate._procedural import escape, julia

SIDE, LIMIT = 40, 64
TRAP = np.array([1.0, 0.4, -0.2, -0.1])
FORMULAS = [escape.POWER, escape.SHIP, escape.CONJUGATE, escape.CELTIC, escape.RATIONAL, escape.NEWTON]


def plain_step(formula: int, power: int, x: float, y: float, cx: float, cy: float) -> tuple[float, float, float]:
    """The next z and the size that is compared with the bound, in the kernel's order of operations."""

    def raised(x: float, y: float) -> tuple[float, float]:
        a, b = x * x - y * y, 2.0 * x * y
        if power == 2:
            return a, b
        if power == 3:
            return a * x - b * y, a * y + b * x
        p, q = a * a - b * b, 2.0 * a * b
        return (p, q) if power == 4 else (p * x - q * y, p * y + q * x)

    if formula == escape.NEWTON:
        u, v = raised(x, y)
        scale, share = 1.0 / (u * u + v * v + 1e-30), 1.0 / (power + 1.0)
        p, q = cx - share * (x - scale * u), cy - share * (y + scale * v)
        return x + p, y + q, 1.0 / (p * p + q * q + 1e-30)
    if formula == escape.SHIP:
        x, y = abs(x), abs(y)
    elif formula == escape.CONJUGATE:
        y = -y
    u, v = raised(x, y)
    if formula == escape.CELTIC:
        u = abs(u)
    if formula == escape.RATIONAL:
        scale = 1.0 / (u * u + v * v + 1e-30)
        p, q = scale * u, -scale * v
        u, v = u + (cx * p - cy * q), v + (cx * q + cy * p)
    else:
        u, v = u + cx, v + cy
    return u, v, u * u + v * v


def plain_escape(formula: int, power: int, view: np.ndarray, constant: np.ndarray) -> np.ndarray:
    """(4, S, S): steps, size, nearest to the trap, final angle; one pixel after another."""
    out = np.empty((4, SIDE, SIDE))
    a, b, c, d = TRAP.tolist()
    for row in range(SIDE):
        for column in range(SIDE):
            u, v = (2 * column + 1) / SIDE - 1, (2 * row + 1) / SIDE - 1
            px, py = view[0] + view[2] * u - view[3] * v, view[1] + view[3] * u + view[2] * v
            x, y, cx, cy = (*constant[:2], px, py) if constant[2] else (px, py, *constant[:2])
            steps, size, near = 0, 0.0, 1e30
            while steps < LIMIT and size < escape.BOUND:
                x, y, size = plain_step(formula, power, float(x), float(y), float(cx), float(cy))
                near = min(near, abs(a * (x * x + y * y) + b * x + c * y + d))
                steps += 1
            out[:, row, column] = steps, size, near, math.atan2(y, x) / (2 * math.pi)
    return out


@pytest.mark.parametrize("formula", FORMULAS, ids=[julia.NAMES[formula] for formula in FORMULAS])
@pytest.mark.parametrize("power", [2, 3, 4, 5])
def test_counts_are_those_of_a_plain_loop(formula: int, power: int) -> None:
    view = np.array([0.1, -0.2, 1.1, 0.4])
    constants = [np.array([-0.4, 0.55, 0.0])]
    if formula not in (escape.RATIONAL, escape.NEWTON):
        constants.append(np.array([0.0, 0.0, 1.0]))
    for constant in constants:
        found = escape.escape(SIDE, formula, power, view, constant, LIMIT, TRAP)
        expected = plain_escape(formula, power, view, constant)
        assert (found[0] == expected[0]).all()
        assert len(np.unique(found[0])) > 3
        assert (found[2] == expected[2].astype(np.float32)).all()
        escaped = expected[1] >= escape.BOUND
        assert ((found[1] >= 0) == escaped).all() and (found[1][~escaped] == -1).all()
        assert found[1].max() <= 1
        if formula == escape.NEWTON:
            turns = (found[3] - expected[3])[escaped]
            # What has escaped moves on with the rest of its row, ever nearer to the root.
            assert np.abs(turns - np.round(turns)).max() < 2e-3
        else:
            assert (found[3] == 0).all()


@pytest.mark.parametrize("formula", [escape.POWER, escape.NEWTON])
def test_smooth_times_have_no_steps(formula: int) -> None:
    """Where whole counts step, the smooth times go on: outside, neighbours differ little."""
    view, constant = np.array([1.2, 0.9, 0.3, 0.0]), np.array([0.1, 0.05, 0.0])
    found = escape.escape(256, formula, 2, view, constant, LIMIT, TRAP)
    assert len(np.unique(found[0])) > 1 and (found[1] >= 0).all()
    out = np.empty((256, 256), np.float32)
    escape.smooth(found, LIMIT, out)
    steps = max(np.abs(np.diff(np.log2(2 + found[0]), axis=axis)).max() for axis in (0, 1))
    assert max(np.abs(np.diff(out, axis=axis)).max() for axis in (0, 1)) < 0.2 * steps


def test_bounded_orbits_are_coloured_by_the_trap() -> None:
    found = escape.escape(64, escape.POWER, 2, np.array([0, 0, 0.2, 0.0]), np.array([0.0, 0, 0]), LIMIT, TRAP)
    assert (found[0] == LIMIT).all()
    out = np.empty((64, 64), np.float32)
    escape.smooth(found, LIMIT, out)
    assert np.isfinite(out).all() and out.std() > 0


def test_descending_finds_the_boundary() -> None:
    """From the whole Mandelbrot set to windows that hold both what escapes soon and what escapes late."""
    start, plane = np.array([-0.4, 0.0, 1.7, 0.0]), np.array([0.0, 0.0, 1.0])
    varied = 0
    for seed in range(20):
        view, _ = escape.descend(escape.POWER, 2, start, plane, 192, 4, np.array([seed], np.uint64))
        assert 1.7 * 0.2**4 <= view[2] <= 1.7 * 0.5**4
        found = escape.escape(32, escape.POWER, 2, view, plane, 192, TRAP)
        varied += np.ptp(np.log2(found[0])) > 1
    assert varied >= 18
    far, lively = escape.descend(escape.POWER, 2, np.array([9.0, 9.0, 0.1, 0]), plane, 192, 0, np.array([1], np.uint64))
    assert lively == 0 and far[2] == 0.1
    inside = escape.descend(escape.POWER, 2, np.array([0.0, 0.0, 0.1, 0]), plane, 192, 0, np.array([1], np.uint64))
    assert inside[1] == -2


def test_julia_constants_lie_near_the_boundary() -> None:
    """Orbits of 0 with the drawn constants neither escape at once nor, mostly, stay for good."""
    counts = []
    for seed in range(30):
        _, constant, _, _ = julia._window(Draws(seed, 0), "julia", escape.POWER, 2)
        z, steps = 0j, 0
        while abs(z) < 256 and steps < 500:
            z, steps = z * z + complex(*constant[:2]), steps + 1
        counts.append(steps)
    assert np.quantile(counts, 0.2) >= 6
    assert np.mean(np.array(counts) == 500) < 0.6


def test_mixed_images_are_of_all_kinds_and_formulas() -> None:
    summaries = [julia.draw("mixed", (32, 32), seed, 0)[1] for seed in range(60)]
    assert {summary["kind"] for summary in summaries} == {"julia", "mandelbrot", "newton"}
    assert {summary["formula"].split()[0] for summary in summaries} == set(julia.NAMES.values())
    for style in ("julia", "mandelbrot", "newton"):
        assert julia.draw(style, (32, 32), 1, 0)[1]["kind"] == style


def test_a_window_is_the_same_at_every_size() -> None:
    small, first = julia.draw("julia", (64, 64), 12, 0)
    large, second = julia.draw("julia", (256, 256), 12, 0)
    assert first == second
    shrunk = large.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.corrcoef(shrunk.ravel(), small.astype(float).ravel())[0, 1] > 0.75
