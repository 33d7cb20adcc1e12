"""Procedural families: finished images per second, and others' algorithms beside ours, on one core.

    python benchmarks/families.py [--quick]

Numbers are medians of CPU time. The rival of dead leaves is the common algorithm: a NumPy mask of the whole image for
each leaf, and after each a test of the whole image for uncovered pixels, with squares of the same distribution. Moiré
rings and VisualAtom's orbits are drawn in the way of the published generators, too: by NumPy over the whole image for
each centre, and by a Python loop over vertices, with Pillow's lines.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from PIL import Image, ImageDraw

from mixset.generate._drawing.redraws import Draw
from mixset.generate._drawing.rng import image_seed
from mixset.generate._job.families import FAMILIES, load
from mixset.generate._procedural import moire, recipes, visualatom
from mixset.generate._procedural.fourier import inverse
from mixset.generate._procedural.leaves import cover, radius

SIZES = (64, 256, 512)
SMALL, LARGE = 0.03, 0.4
STYLES = {
    recipe.family: recipe.styles
    for recipe in (
        recipes.DeadLeavesRecipe,
        recipes.SpectrumRecipe,
        recipes.JuliaRecipe,
        recipes.PlasmaRecipe,
        recipes.ProgramsRecipe,
        recipes.MoireRecipe,
        recipes.VisualAtomRecipe,
    )
}


def seconds(work: Callable[[int], object], repeats: int) -> float:
    """The median CPU time of a call over different images, after a warm-up call."""
    work(0)
    times = []
    for number in range(repeats):
        start = time.process_time()
        work(number)
        times.append(time.process_time() - start)
    return statistics.median(times)


def rival_leaves(side: int, seed: int) -> np.ndarray:
    """The leaf that owns each pixel, (side, side), from masks of the whole image until no pixel is uncovered."""
    state, draws = np.array([seed], np.uint64), np.random.default_rng(seed)
    indices = (np.arange(side) + 0.5) / side
    x, y = np.meshgrid(indices, indices)
    owner, number = np.full((side, side), -1), 0
    while (owner < 0).any():
        r = radius(state, SMALL, LARGE)
        cx, cy = (1 + 2 * r) * draws.random(2) - r
        owner[(np.abs(x - cx) <= r) & (np.abs(y - cy) <= r) & (owner < 0)] = number
        number += 1
    return owner


def leaves(repeats: int) -> None:
    """Print images covered per second, ours and the rival's."""
    print("\ncovered by upright squares, images/s    ours     rival   × rival")
    for side in (256, 512):
        owner = np.empty((side, side), np.int32)

        def ours(seed: int, owner: np.ndarray = owner) -> None:
            cover(owner, False, False, SMALL, LARGE, np.uint64(seed))

        def rival(seed: int, side: int = side) -> None:
            rival_leaves(side, seed)

        fast, slow = seconds(ours, 5 * repeats), seconds(rival, max(repeats // 4, 3))
        print(f"  {side} px {'':24} {1 / fast:10.0f} {1 / slow:9.2f} {slow / fast:9.0f}")


def rival_rings(side: int, seed: int) -> np.ndarray:
    """MoireDB's rings (S, S, 3) uint8 by NumPy: the formula over the whole image for each centre."""
    draws = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    waves = np.zeros((side, side))
    for frequency in draws.choice(np.arange(1, 101), draws.integers(1, 4), replace=False):
        cx, cy = draws.uniform(0.08 * side, 0.92 * side, 2)
        waves += np.sin(2 * np.pi * frequency * np.hypot(x - cx, y - cy) / side)
    grey = 255 * (waves - waves.min()) / (waves.max() - waves.min())
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def rival_orbits(side: int, seed: int) -> np.ndarray:
    """VisualAtom's orbits (S, S, 3) uint8 by a Python loop over vertices and Pillow's lines."""
    draws = np.random.default_rng(seed)
    image = Image.new("RGB", (side, side))
    pen = ImageDraw.Draw(image)
    vertices, count = int(draws.integers(200, 1001)), int(draws.integers(1, 201))
    first, second = draws.choice(21, 2, replace=False)
    noise, gap, unit = draws.uniform(0, 4), draws.uniform(0, 0.1), side / 512
    x, y = side * draws.random(2)
    radii = draws.integers(10, 61) * unit * draws.uniform(1, 2, 2)
    turns = [2 * math.pi * j / vertices for j in range(vertices)]
    points = [(x + radii[0] * math.cos(t), y + radii[1] * math.sin(t)) for t in turns]
    for _ in range(count):
        grey = int(draws.integers(1, 256))
        pen.line([*points, points[0]], (grey, grey, grey))
        moved = []
        for (px, py), t in zip(points, turns, strict=True):
            p, q = draws.uniform(-1, 1, 2)
            steady = 0.5 * math.sin(first * t) + 0.5 * math.sin(second * t) + gap
            across, down = noise * (1 - p) + steady, noise * (1 - q) + steady
            moved.append((px + unit * across * math.cos(t), py + unit * down * math.sin(t)))
        points = moved
    return np.asarray(image)


def published(repeats: int) -> None:
    """Print images per second of the published forms, ours and in the way of their generators."""
    print("\npublished forms, images/s               ours     rival   × rival")
    pairs = {"moire": (moire.draw, rival_rings), "visualatom": (visualatom.draw, rival_orbits)}
    for name, (draw, rival) in pairs.items():
        for side in (256, 512):

            def ours(index: int, draw: Draw = draw, side: int = side) -> None:
                draw("classic", (side, side), image_seed(0, index), 0)

            def theirs(index: int, rival: Callable[[int, int], np.ndarray] = rival, side: int = side) -> None:
                rival(side, index)

            fast, slow = seconds(ours, 3 * repeats), seconds(theirs, repeats)
            print(f"  {name:11}{side} px {'':17} {1 / fast:10.0f} {1 / slow:9.1f} {slow / fast:9.1f}")


def transforms(repeats: int) -> None:
    """Print what our Fourier transform, which has the same bits everywhere, costs beside NumPy's, which has not."""
    print("\nFourier transform of a complex plane, ms  ours     NumPy")
    for side in (256, 512):
        real, imaginary = np.zeros((2, side, side), np.float32)
        plane = np.zeros((side, side), np.complex64)
        ours = seconds(lambda _, real=real, imaginary=imaginary: inverse(real, imaginary), 5 * repeats)
        theirs = seconds(lambda _, plane=plane: np.fft.ifft2(plane), 5 * repeats)
        print(f"  {side} px {'':24} {1e3 * ours:10.2f} {1e3 * theirs:9.2f}")


def images(repeats: int) -> None:
    """Print finished images per second of each family, style and size, filters and redraws included."""
    print(f"\nfinished images/s, {repeats} of each    " + "".join(f"{size:>8} px" for size in SIZES))
    for family, styles in STYLES.items():
        render_all, recipe_of = load(FAMILIES[family].render), load(FAMILIES[family].recipe)
        for style in styles:
            rates = []
            for size in SIZES:
                recipe = recipe_of(count=repeats, size=size, style=style, seed=3)
                rates.append(1 / seconds(lambda index, recipe=recipe: next(render_all(recipe, [index])), repeats))  # noqa: B023
            print(f"  {family:12} {style:19} " + "".join(f"{rate:11.0f}" for rate in rates))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer images")
    repeats = 12 if parser.parse_args().quick else 40
    leaves(repeats)
    published(repeats)
    transforms(repeats)
    images(repeats)


if __name__ == "__main__":
    main()
