"""Fractals: points per second beside the usual way, and finished images per second. One core, CPU time, medians.

    python benchmarks/fractals.py [--quick]

The rival is the best way found among the peers, restated plainly: a Numba chaos game of one chain that draws each
map with `np.random` and a linear search, stores its points, then scales them and counts them in a second pass.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numba import njit
from processor_time import seconds

from mixset import ShardWriter
from mixset.generate._drawing.rng import Draws
from mixset.generate._fractals.flames import POPULATION, play
from mixset.generate._fractals.recipe import FractalRecipe
from mixset.generate._fractals.rendering import FORMULA
from mixset.generate._fractals.systems import System, sample_system
from mixset.generate._fractals.views import Base, paint_view

SIDE, POINTS = 512, 1_000_000


@njit
def rival_points(maps: np.ndarray, shares: np.ndarray, count: int) -> np.ndarray:
    """Points of an orbit, (count, 2), by the common algorithm: a copy of a map and a test for infinity per point."""
    edges = np.cumsum(shares)
    points = np.empty((count, 2))
    x, y = 0.0, 0.0
    for n in range(count):
        u, i = np.random.rand(), 0  # noqa: NPY002
        while i < len(edges) - 1 and u > edges[i]:
            i += 1
        row = maps[i].copy()
        a, b, c, d, e, f = row[0], row[1], row[2], row[3], row[4], row[5]
        x, y = a * x + b * y + e, c * x + d * y + f
        points[n, 0], points[n, 1] = x, y
        if not np.isfinite(points[n]).all():
            break
    return points


@njit
def tight_points(maps: np.ndarray, shares: np.ndarray, count: int) -> np.ndarray:
    """The same orbit without copies and tests."""
    edges = np.cumsum(shares)
    points = np.empty((count, 2))
    x, y = 0.0, 0.0
    for n in range(count):
        u, i = np.random.rand(), 0  # noqa: NPY002
        while i < len(edges) - 1 and u > edges[i]:
            i += 1
        x, y = maps[i, 0] * x + maps[i, 1] * y + maps[i, 4], maps[i, 2] * x + maps[i, 3] * y + maps[i, 5]
        points[n, 0], points[n, 1] = x, y
    return points


@njit
def rival_counts(points: np.ndarray, side: int) -> np.ndarray:
    """Counts of the points scaled to the frame, (side, side)."""
    x0, y0 = points[:, 0].min(), points[:, 1].min()
    scale = (side - 1) / max(points[:, 0].max() - x0, points[:, 1].max() - y0)
    grid = np.zeros((side, side))
    for n in range(len(points)):
        grid[int((points[n, 1] - y0) * scale), int((points[n, 0] - x0) * scale)] += 1
    return grid


def fitted(base: Base) -> np.ndarray:
    """The view (1, 7) of the whole attractor in the frame, with POINTS points."""
    scale = 0.48 * SIDE / max(base.box[2], base.box[3])
    shift = SIDE / 2 - scale * base.box[0], SIDE / 2 - scale * base.box[1]
    return np.array([[scale, 0.0, 0.0, scale, *shift, POINTS]])


def kernels(systems: list[System], repeats: int) -> None:
    """Print points per second of the expansion, the population chaos game and the rival, on the same systems."""
    rows: dict[str, list[float]] = {"expansion": [], "population": [], "tight": [], "rival": []}
    grid = np.zeros((SIDE + 2, SIDE + 2), np.uint64)
    rounds = POINTS // POPULATION
    for system in systems:
        base = Base.of(system, 1)
        root = fitted(base)
        fields = (system.maps, system.weights, system.colours)
        plain, full = np.zeros(len(system.maps), np.int64), np.ones(len(system.maps))

        def expansion(system: System = system, root: np.ndarray = root) -> None:
            paint_view(grid, system, Base.of(system, 1), root, 2)

        def population(
            fields: tuple[np.ndarray, ...] = fields,
            plain: np.ndarray = plain,
            full: np.ndarray = full,
            root: np.ndarray = root,
        ) -> None:
            play(grid, *fields, plain, full, root[:, :6], np.uint64(1), rounds)

        def rival(system: System = system) -> None:
            rival_counts(rival_points(system.maps, system.weights, POINTS), SIDE)

        def tight(system: System = system) -> None:
            rival_counts(tight_points(system.maps, system.weights, POINTS), SIDE)

        rows["expansion"].append(POINTS / seconds(expansion, repeats))
        rows["population"].append(POINTS / seconds(population, repeats))
        rows["tight"].append(POINTS / seconds(tight, repeats))
        rows["rival"].append(POINTS / seconds(rival, repeats))
    print(f"\n{len(systems)} systems of 2 to 4 maps, {SIDE} px, {POINTS:,} points     M points/s   × rival")
    names = {
        "expansion": "depth-first expansion, base sample included",
        "population": "population chaos game (flames' kernel)",
        "tight": "rival without copies and tests",
        "rival": "rival: one chain, np.random, points stored",
    }
    rival_rate = statistics.median(rows["rival"])
    for name, label in names.items():
        rate = statistics.median(rows[name])
        print(f"  {label:46} {rate / 1e6:14.1f} {rate / rival_rate:9.1f}")


def images(quick: bool) -> None:
    """Print finished images per second for each style and size, including filters and redraws."""
    sizes = (64, 256, 512)
    count = 16 if quick else 48
    print(f"\nfinished images/s, {count} of each  " + "".join(f"{size:>8} px" for size in sizes))
    for style in FractalRecipe.styles:
        for index in range(24):
            # Compiles every kernel that the style may use.
            FORMULA.render(FractalRecipe(count=24, size=32, style=style), index)
        rates = []
        for size in sizes:
            recipe = FractalRecipe(count=count, size=size, style=style, seed=3)
            indices = iter(range(-1, count))
            rates.append(1 / seconds_mean(lambda recipe=recipe: FORMULA.render(recipe, max(next(indices), 0)), count))  # noqa: B023
        print(f"  {style:32} " + "".join(f"{rate:11.0f}" for rate in rates))
    print(f"  {'layered, written to a raw shard':32} {'':22}{1 / written(count):11.0f}")


def seconds_mean(work: Callable[[], object], repeats: int) -> float:
    """The mean CPU time of a call over different images, after a warm-up call."""
    work()
    start = time.process_time()
    for _ in range(repeats):
        work()
    return (time.process_time() - start) / repeats


def written(count: int) -> float:
    """CPU time in seconds to draw and write a layered image of 512 pixels."""
    recipe = FractalRecipe(count=count, size=512, seed=3)
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        shard = Path(folder) / "fractals-00000.h5"
        shape = (512, 512)
        with ShardWriter(
            shard, family="fractals", recipe=recipe.to_json(), start_index=0, shape=shape, count=count
        ) as writer:
            for index in range(count):
                writer.add(*FORMULA.render(recipe, index))
        return (time.process_time() - start) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer systems, images and repeats")
    quick = parser.parse_args().quick
    draws = Draws(1, 0)
    systems = [sample_system(draws, draws.whole(2, 4)) for _ in range(6 if quick else 20)]
    kernels(systems, 3 if quick else 7)
    images(quick)


if __name__ == "__main__":
    main()
