"""Procedural families: finished images per second, and dead leaves compared with the usual algorithm, on one core.

    python benchmarks/families.py [--quick]

Numbers are medians of CPU time. The rival of dead leaves is the common algorithm: a NumPy mask of the whole image for
each leaf, and after each a test of the whole image for uncovered pixels, with squares of the same distribution.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from mixset.generate._job.families import FAMILIES, load
from mixset.generate._procedural import recipes
from mixset.generate._procedural.fourier import inverse
from mixset.generate._procedural.leaves import cover, radius

SIZES = (64, 256, 512)
SMALL, LARGE = 0.03, 0.4
STYLES = {
    "deadleaves": recipes.LEAF_STYLES,
    "spectrum": recipes.SPECTRUM_STYLES,
    "julia": recipes.JULIA_STYLES,
    "plasma": recipes.PLASMA_STYLES,
    "programs": recipes.PROGRAM_STYLES,
    "moire": recipes.MOIRE_STYLES,
    "visualatom": recipes.ATOM_STYLES,
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
    transforms(repeats)
    images(repeats)


if __name__ == "__main__":
    main()
