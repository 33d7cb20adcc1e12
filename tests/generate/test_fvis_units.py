"""Which unit comes when: first layers of all depths, then layers by their numbers of channels; sets of version 2."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import test_fvis_sets
from hypothesis import given, settings, strategies as st

from mixset import MixingSet
from mixset._common.errors import InputError
from mixset._store import check
from mixset._store.shards import read_record
from mixset.generate import FVisRecipe, make, render
from mixset.generate._fvis.objectives import Unit
from mixset.generate._fvis.units import MIXED, _spread, another_unit, units_of
from mixset.generate._job.job import remake


def made_of(channels: tuple[int, ...], batch: int, seed: int = 0, version: int = 3) -> FVisRecipe:
    return test_fvis_sets.small(
        layers=tuple(f"layer{number}" for number in range(len(channels))),
        channels=channels,
        weights="1" * 64,
        batch=batch,
        seed=seed,
        version=version,
    )


def first_units(recipe: FVisRecipe, count: int) -> list[Unit]:
    units = [unit for group in range(-(-count // recipe.batch)) for unit in units_of(recipe, group)]
    return units[:count]


class TestOrder:
    @settings(deadline=None, max_examples=80)
    @given(
        channels=st.lists(st.integers(1, 40), min_size=1, max_size=7).map(tuple),
        batch=st.sampled_from([1, 4, 16, 64]),
        groups=st.integers(1, 60),
    )
    def test_layers_and_channels_take_fair_turns(self, channels: tuple[int, ...], batch: int, groups: int) -> None:
        recipe = made_of(channels, batch)
        shown = [units_of(recipe, group) for group in range(groups)]
        assert all(len(units) == batch for units in shown)
        mixed = -(-MIXED // batch)
        assert all(len({unit.layer for unit in units}) == 1 for units in shown[mixed:])
        images = Counter(unit.layer for units in shown for unit in units)
        start = Counter(unit.layer for units in shown[:mixed] for unit in units)
        for layer, count in zip(recipe.layers, channels, strict=True):
            share = groups * batch * count / sum(channels)
            # No layer gets ahead of its share by more than a batch, but for what the first images gave it.
            assert images[layer] < max(share + batch, start[layer] + 1)
            times = Counter(unit.channel for units in shown for unit in units if unit.layer == layer)
            assert set(times) <= set(range(count))
            assert set(times.values()) <= {images[layer] // count, images[layer] // count + 1}

    def test_in_the_long_run_layers_are_shown_by_their_numbers_of_channels(self) -> None:
        recipe = made_of((16, 320, 64, 1, 112), 16)
        images = Counter(unit.layer for unit in first_units(recipe, 513 * 16))
        for layer, count in zip(recipe.layers, recipe.channels, strict=True):
            assert abs(images[layer] - 16 * count) <= 4 * 16

    @pytest.mark.parametrize("batch", [1, 8, 32])
    @pytest.mark.parametrize("layers", [8, 20, 49, 120])
    @pytest.mark.parametrize("count", [1, 2, 3, 5, 11, 24, 32])
    def test_a_small_set_shows_layers_of_all_depths(self, batch: int, layers: int, count: int) -> None:
        # Networks get wider with depth; that must not bring the last layers to the front.
        recipe = made_of(tuple(32 + 20 * depth for depth in range(layers)), batch)
        depths = [recipe.layers.index(unit.layer) for unit in first_units(recipe, count)]
        assert len(set(depths)) == min(count, layers)
        gaps = np.diff(np.array([-1, *sorted(set(depths)), layers]))
        assert gaps.max() <= max(2 * layers / count + 1, 2)

    def test_of_layers_with_few_units_none_comes_twice_before_all_have_come(self) -> None:
        units = first_units(made_of((3, 200, 1, 100), 32), 32)
        assert len(set(units)) == 32
        times = Counter(unit.layer for unit in units)
        assert times == {"layer0": 3, "layer1": 14, "layer2": 1, "layer3": 14}
        assert set(Counter(first_units(made_of((3, 1), 16), 32)).values()) == {8}

    def test_every_number_of_layers_has_a_whole_order(self) -> None:
        assert all(sorted(_spread(layers)) == list(range(layers)) for layers in range(1, 400))

    def test_orders_are_random_and_each_times_its_own(self) -> None:
        recipe = made_of((32,), 16)
        rounds = [
            [unit.channel for group in (2 * turn, 2 * turn + 1) for unit in units_of(recipe, group)] for turn in (0, 1)
        ]
        assert all(sorted(order) == list(range(32)) for order in rounds)
        assert rounds[0] != rounds[1]
        assert rounds[0] != list(range(32))
        other = [unit.channel for group in (0, 1) for unit in units_of(made_of((32,), 16, seed=1), group)]
        assert other != rounds[0]

    def test_another_unit_is_of_the_same_layer_and_differs_by_attempt(self) -> None:
        recipe = made_of((32, 1000), 16)
        found = [another_unit(recipe, Unit("layer1", 3), 7, attempt) for attempt in range(1, 4)]
        assert {unit.layer for unit in found} == {"layer1"}
        assert len(set(found)) == 3
        assert found[0] == another_unit(recipe, Unit("layer1", 9), 7, 1)


class TestOlderSets:
    """Sets of content version 2 go on as they began."""

    @pytest.mark.parametrize(
        ("channels", "batch", "digest"),
        [((6, 40, 20), 4, "1f5641d04b68c64e"), ((3, 100, 17, 8), 32, "c56bc709e9ec4536")],
    )
    def test_the_order_of_units_is_theirs(self, channels: tuple[int, ...], batch: int, digest: str) -> None:
        """Digests are of what version 2 made."""
        recipe = made_of(channels, batch, version=2)
        names = dict(zip(recipe.layers, "abcd", strict=False))
        shown = " ".join(f"{names[unit.layer]}{unit.channel}" for unit in first_units(recipe, 30 * batch))
        assert hashlib.sha256(shown.encode()).hexdigest()[:16] == digest

    @pytest.mark.usefixtures("one_thread")
    def test_they_are_extended_shown_and_repaired(self, tmp_path: Path) -> None:
        old = test_fvis_sets.small(count=3, steps=1, version=2)
        out = make(old, tmp_path / "old", workers=1, quiet=True)
        recipe = test_fvis_sets.small(count=6, steps=1)
        assert make(recipe, out, workers=1, quiet=True) == out
        images = MixingSet(out)
        origin = images.origin(5)
        assert origin is not None and origin.recipe["content_version"] == 2
        shown = [units_of(old.resolved(), group)[number] for group in (0, 1) for number in range(4)]
        for index in range(6):
            params = read_record(out / "fvis-00000.h5", index).params
            assert (params["layer"], params["channel"]) == (shown[index].layer, shown[index].channel)
        assert np.array_equal(render(images, 4, trust=True), images[4])
        whole = images[4]
        (out / "fvis-00000.h5").unlink()
        check.check(out, remake=functools.partial(remake, trust=True), quiet=True)
        assert np.array_equal(MixingSet(out)[4], whole)
        with pytest.raises(InputError, match=r"another recipe \(steps 1 there, 2 asked\)"):
            make(dataclasses.replace(recipe, steps=2), out, workers=1, quiet=True)

    @pytest.mark.usefixtures("one_thread")
    def test_one_that_was_interrupted_goes_on(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from mixset.generate._job import job

        def interrupted(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(job, "_fulfil_all", interrupted)
            with pytest.raises(KeyboardInterrupt):
                make(test_fvis_sets.small(count=2, steps=1, version=2), tmp_path / "old", workers=1, quiet=True)
        out = make(test_fvis_sets.small(count=2, steps=1), tmp_path / "old", workers=1, quiet=True)
        assert json.loads((out / "mixset.json").read_text())["recipe"]["content_version"] == 2

    def test_new_sets_are_of_version_3_and_others_are_refused(self) -> None:
        recipe = made_of((6, 40), 4)
        values = recipe.to_json()
        assert values["content_version"] == 3 and "version" not in values
        assert FVisRecipe.from_json(values, count=6) == recipe
        older = FVisRecipe.from_json(values | {"content_version": 2}, count=6)
        assert older.version == 2 and older.to_json() == values | {"content_version": 2}
        assert units_of(older, 0) != units_of(recipe, 0)
        for version in (1, 4, None, [2]):
            with pytest.raises(InputError, match=r"content_version .* but this release makes 3"):
                FVisRecipe.from_json(values | {"content_version": version}, count=6)
        with pytest.raises(InputError, match=r"^version: 1 is not made"):
            made_of((6, 40), 4, version=1)
