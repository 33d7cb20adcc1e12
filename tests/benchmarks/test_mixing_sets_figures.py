"""Statistics of mixing sets at the training size, and their correlations beside what chance does."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from mixing_sets_figures import FIGURES, correlate, energy, figures
from PIL import Image
from scipy.stats import rankdata, spearmanr

from mixset import MixingSet
from mixset._store.statistics import medians


def sets(count: int, columns: int, seed: int = 0) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Statistics and columns of chance."""
    random = np.random.default_rng(seed)
    names = [f"set{index}" for index in range(count)]
    known = {name: {figure: float(random.normal()) for figure in FIGURES} for name in names}
    return known, {name: {f"c{index}": float(random.normal()) for index in range(columns)} for name in names}


def test_correlations_are_spearmans() -> None:
    known, columns = sets(6, 2)
    for index, name in enumerate(known):
        known[name]["contrast"] = index // 2  # ties
    found = correlate(known, columns)
    assert found is not None and found.sets == 6 and len(found.found) == 2 * len(FIGURES)
    for (figure, column), one in found.found.items():
        left, right = ([of[name][key] for name in known] for of, key in ((known, figure), (columns, column)))
        rho = spearmanr(left, right).statistic
        assert one.rho == pytest.approx(rho)
        orders = itertools.permutations(rankdata(left))
        all_of_them = np.corrcoef([*orders, rankdata(right)])[-1, :-1]
        assert one.chance == pytest.approx((np.abs(all_of_them) >= abs(rho) - 1e-9).mean(), abs=0.02)


def test_what_goes_together_is_beyond_chance_and_the_rest_is_not() -> None:
    known, columns = sets(12, 4)
    for index, name in enumerate(known):
        known[name]["energy"], columns[name]["c2"] = float(index), -(float(index) ** 3)
    found = correlate(known, columns)
    assert found is not None
    true = found.found["energy", "c2"]
    assert true.rho == pytest.approx(-1) and true.chance < 0.001
    assert found.alone < found.strongest < 1
    assert [pair for pair, one in found.found.items() if abs(one.rho) > found.strongest] == [("energy", "c2")]
    # Of 12 sets, 5 % of correlations exceed 0.59 by chance, as tables of Spearman's have it.
    assert found.alone == pytest.approx(0.587, abs=0.015)


def test_shuffles_are_the_same_in_every_call() -> None:
    assert correlate(*sets(6, 2)) == correlate(*sets(6, 2)) != correlate(*sets(6, 2), seed=1)


def test_what_is_alike_in_all_sets_has_no_correlation() -> None:
    known, columns = sets(6, 2)
    for name in known:
        known[name]["coarse_share"] = 1.0
        columns[name]["c0"] = 50.0
    found = correlate(known, columns)
    assert found is not None
    assert {figure for figure, _ in found.found} == {*FIGURES} - {"coarse_share"}
    assert {column for _, column in found.found} == {"c1"}


def test_too_few_sets_and_such_as_lack_a_column_are_not_compared() -> None:
    assert correlate(*sets(3, 2)) is None
    known, columns = sets(5, 2)
    del columns["set4"]["c1"]
    found = correlate(known, columns)
    assert found is not None and found.sets == 4
    for name in columns:
        columns[name]["c0"] = columns[name]["c1"] = 1.0
    assert correlate(known, columns) is None


def test_energy_is_that_of_pixels() -> None:
    board = np.indices((36, 36)).sum(axis=0) % 2 * 255
    assert energy(np.repeat(board[..., None], 3, axis=2).astype(np.uint8)) == 255
    ramp = np.tile(np.arange(36) * 5, (36, 1))
    assert energy(np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8)) == 0


def test_figures_are_of_what_training_mixes_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise of 72 pixels loses half of its contrast by scaling: `coarse` says that, the others what is left."""
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "cache"))
    (tmp_path / "set").mkdir()
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (3, 72, 72, 3), np.uint8)
    for index, image in enumerate(noise):
        Image.fromarray(image).save(tmp_path / "set" / f"{index}.png")
    found = figures(MixingSet(tmp_path / "set"))
    assert [*found] == [*FIGURES]
    assert found["coarse_share"] == pytest.approx(medians(noise).coarse_share, abs=1e-4)
    assert found["coarse_share"] == pytest.approx(0.5, abs=0.03)
    assert found["energy"] < 0.7 * np.median([energy(image) for image in noise])
