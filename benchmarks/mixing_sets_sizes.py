"""What the size at which images are drawn, and how they are scaled, does to what training measures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from mixing_sets_made import DRAWN, SIZED, SIZES
from mixing_sets_results import COLUMNS, Results

VARIANTS = {"": "64 px", "-36": "36 px", "-256": "256 px"} | {
    f"-{size}-picked": f"{size} px picked" for size in SIZES if size != DRAWN
}
"""What stands behind a family's name in a row's, and in words; the default first."""


def values(results: Results, row: str, column: str) -> list[float]:
    """A value for each seed."""
    return [one.values[column] for one in results.of(row) if column in one.values]


def deviation(results: Results, rows: Sequence[str], column: str) -> float | None:
    """The standard deviation of a seed, pooled over rows; None where no row has two."""
    found = [of for row in rows if len(of := values(results, row, column)) > 1]
    freedom = sum(len(of) - 1 for of in found)
    return (sum(statistics.variance(of) * (len(of) - 1) for of in found) / freedom) ** 0.5 if freedom else None


def over_families(results: Results) -> dict[str, list[str]]:
    """For each size and scaling, in words: the rows of all four families, where all have cells."""
    found = {words: [f"{name}{variant}" for name in SIZED] for variant, words in VARIANTS.items()}
    return {words: rows for words, rows in found.items() if all(results.of(row) for row in rows)}


def wins(results: Results) -> list[str]:
    """For each size and scaling: in which columns it is ahead of the default beyond the noise, and in which behind.

    Beyond it is a difference of means over families of more than twice its standard error, by the deviation of a seed
    pooled over these rows, if in every family there is one in the same direction.
    """
    variants = over_families(results)
    default, *others = variants or [""]
    if default != VARIANTS[""] or not others:
        return []
    lines = []
    for words in others:
        ahead, behind = [], []
        for name, column in COLUMNS.items():
            difference = _difference(results, variants, words, name)
            if difference is not None:
                better = (difference > 0) == column.measure.higher_is_better
                text = f"{column.measure.heading} {difference:+.1f}".replace("-", "−")
                (ahead if better else behind).append(text)
        lines.append(
            f"- {words}, beside {default} scaled by the pool: ahead in {', '.join(ahead) or 'nothing'}; behind in "
            f"{', '.join(behind) or 'nothing'}, beyond the noise."
        )
    return lines


def _difference(results: Results, variants: dict[str, list[str]], words: str, column: str) -> float | None:
    """How far a variant's mean over families is above the default's; None where that may be noise."""
    pairs = [
        (values(results, one, column), values(results, other, column))
        for one, other in zip(variants[words], variants[VARIANTS[""]], strict=True)
    ]
    noise = deviation(results, [row for rows in variants.values() for row in rows], column)
    if noise is None or not all(one and other for one, other in pairs):
        return None
    differences = [statistics.fmean(one) - statistics.fmean(other) for one, other in pairs]
    mean = statistics.fmean(differences)
    error = noise * math.sqrt(sum(1 / len(one) + 1 / len(other) for one, other in pairs)) / len(pairs)
    alike = all(difference * mean > 0 for difference in differences)
    return mean if alike and abs(mean) > 2 * error else None
