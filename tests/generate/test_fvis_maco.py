"""MACO: phases and a tone under a given spectrum, corners that are not white, and sets made so."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_fvis_sets
import torch
from lucent.optvis.param import color
from torch import Tensor

from mixset import MixingSet
from mixset._common.errors import InputError
from mixset._store.shards import read_record
from mixset.generate import FVisRecipe, make, render
from mixset.generate._fvis import parametrisations
from mixset.generate._fvis.folding import folded
from mixset.generate._fvis.objectives import Unit
from mixset.generate._fvis.optimise import Visualised, visualise
from mixset.generate._fvis.parametrisations import PARAMETRISATIONS, maco, maco_phases, spectrum
from mixset.generate._fvis.rendering import render_all

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


def randoms(count: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(count)]


def planes(images: Tensor) -> Tensor:
    """The decorrelated logits of images (n, 3, S, S) in [0, 1]."""
    matrix = torch.from_numpy(color.color_correlation_normalized)
    return (torch.linalg.inv(matrix) @ torch.logit(images.double()).flatten(2).float()).view(images.shape)


def bright_corners(images: Tensor) -> list[bool]:
    """Whether a corner (1/32 of each side) of each image (n, 3, S, S) is brighter than 99 % of its pixels."""
    grey, side = images.mean(1), images.shape[-1] // 32
    corners = [
        grey[:, down, along].mean((1, 2))
        for down in (slice(None, side), slice(-side, None))
        for along in (slice(None, side), slice(-side, None))
    ]
    return (torch.stack(corners).amax(0) > grey.flatten(1).quantile(0.99, 1)).tolist()


class TestSpectrum:
    @pytest.mark.parametrize("size", [32, 45])
    @pytest.mark.parametrize(("down", "along"), [(0, 1), (3, 0), (-3, 4), (7, 9), (-15, 2)])
    def test_each_amplitude_is_the_formulas(self, size: int, down: int, along: int) -> None:
        frequency, turn = math.hypot(down, along), math.atan2(abs(down), along)
        # g, a, b, d of light and of the two differences of colours.
        for plane, (g, a, b, d) in enumerate(
            ((1.0, 1.22, -0.092, 0.177), (0.79, 1.29, -0.099, 0.113), (0.89, 1.19, -0.081, 0.116))
        ):
            wanted = g * frequency ** (-a) * math.exp(b * math.cos(2 * turn) + d * math.cos(4 * turn))
            assert spectrum(size)[plane, down, along] == pytest.approx(wanted, rel=1e-5)

    def test_there_is_no_mean(self) -> None:
        assert (spectrum(32)[:, 0, 0] == 0).all()

    @pytest.mark.parametrize("parametrised", [maco, maco_phases])
    def test_images_have_it_whatever_their_phases(self, parametrised: Any) -> None:
        parameters, images = parametrised(randoms(3), 32, CPU)
        with torch.no_grad():
            parameters[0].add_(torch.randn(parameters[0].shape, generator=torch.Generator().manual_seed(0)))
            found = planes(images())
        # Where the transform of real numbers is its own mirror image, phases are cut to signs.
        shares = torch.fft.rfft2(found).abs()[..., 1:-1] / torch.from_numpy(spectrum(32))[..., 1:-1]
        assert torch.allclose(shares, shares.mean((1, 2, 3), keepdim=True), rtol=0.01)
        assert torch.allclose(found.flatten(1).std(1), torch.tensor(2.2), rtol=1e-3)
        assert torch.allclose(found.flatten(1).mean(1), torch.tensor(0.0), atol=1e-3)


class TestTone:
    """The means of channels and their shares in the contrast."""

    def toned(self, tone: Tensor) -> Tensor:
        """Decorrelated logits (n, 3, 32, 32) of images with a tone (n, 2, 3)."""
        # One start for all.
        parameters, images = maco([np.random.default_rng(0) for _ in tone], 32, CPU)
        with torch.no_grad():
            parameters[1].copy_(tone)
            return planes(images())

    def test_means_and_shares_are_the_formulas(self) -> None:
        tone = torch.tensor([[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], [[0.5, -0.3, 0.1], [0.4, -0.6, 0.0]]])
        plain, toned = self.toned(tone)
        means = torch.tensor([2.2, 2.9, 2.8]) * torch.tanh(tone[1, 0])
        assert torch.allclose(plain.mean((1, 2)), torch.zeros(3), atol=1e-3)
        assert torch.allclose(toned.mean((1, 2)), means, atol=2e-3)
        before, after = plain.std((1, 2)), toned.std((1, 2))
        ratios = after / before / torch.exp(0.7 * torch.tanh(tone[1, 1]))
        assert torch.allclose(ratios, ratios.mean().expand(3), rtol=0.02)

    def test_they_stay_within_photographs_and_the_contrast_stays(self) -> None:
        generator = torch.Generator().manual_seed(3)
        found = self.toned(4 * torch.randn((6, 2, 3), generator=generator))
        assert (found.mean((2, 3)).abs() <= torch.tensor([2.2, 2.9, 2.8]) + 0.02).all()
        deviations = found.std((2, 3))
        assert torch.allclose(deviations.square().mean(1).sqrt(), torch.tensor(2.2), rtol=0.01)
        plain = self.toned(torch.zeros((1, 2, 3))).std((2, 3))
        ratios = deviations / plain
        assert (ratios.amax(1) / ratios.amin(1) <= math.exp(2 * 0.7) * 1.02).all()

    def test_an_image_gets_as_dark_and_red_as_its_unit_asks_for(self) -> None:
        """A unit that asks for red and another that asks for black: phases alone can serve neither."""
        body = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 1))
        with torch.no_grad():
            body[0].weight.copy_(torch.tensor([[1.0, -0.5, -0.5], [-1.0, -1.0, -1.0]])[..., None, None])
            body[0].bias.zero_()
        units = [Unit("0", 0), Unit("0", 1)]
        made = {
            name: visualise(
                body,
                lambda index, attempt: units[index],
                [1, 2],
                mean=(0.5,) * 3,
                std=(1.0,) * 3,
                size=32,
                steps=32,
                parametrisation=name,
            ).scores
            for name in ("maco", "maco-phases")
        }
        assert (made["maco"] > made["maco-phases"] + 0.1).all()


class TestCorners:
    def test_they_are_no_brighter_than_the_rest(self) -> None:
        _, images = maco(randoms(64), 64, CPU)
        with torch.no_grad():
            assert sum(bright_corners(images())) <= 2  # as by chance: one place in a hundred is so bright

    def test_the_published_start_turns_them_white(self) -> None:
        """That the measure above can fail."""
        parameters, images = maco(randoms(64), 64, CPU)
        with torch.no_grad():
            parameters[0].normal_(generator=torch.Generator().manual_seed(0))
            assert all(bright_corners(images()))

    def test_optimising_does_not_turn_them_white(self) -> None:
        units = [Unit("0", channel) for channel in range(10)]
        found = [run(units, size=64, steps=16, seeds=range(100 * turn, 100 * turn + 10)).images for turn in range(3)]
        images = torch.from_numpy(np.concatenate(found)).permute(0, 3, 1, 2) / 255
        assert sum(bright_corners(images)) <= 3
        corners = [
            images[..., down, along].mean()
            for down in (slice(2), slice(-2, None))
            for along in (slice(2), slice(-2, None))
        ]
        assert max(corners) < images.mean() + 0.1


def run(units: Sequence[Unit], **changes: Any) -> Visualised:
    settings = {"mean": (0.5,) * 3, "std": (1.0,) * 3, "size": 32, "steps": 6, "parametrisation": "maco"} | changes
    seeds = settings.pop("seeds", range(len(units)))
    return visualise(test_fvis_sets.network(), lambda index, attempt: units[index], seeds, **settings)


class TestVisualise:
    units = (Unit("3", 0), Unit("3", 1), Unit("0", 2))

    def test_scores_rise(self) -> None:
        units = [Unit("3", channel) for channel in range(6)]
        assert (run(units, steps=24).scores > run(units, steps=1).scores).all()

    def test_an_image_is_a_function_of_its_seed_and_unit(self) -> None:
        first = run(self.units, seeds=[7, 8, 9])
        torch.manual_seed(99)
        again = run(self.units, seeds=[7, 8, 9])
        other = run([Unit("3", 5), Unit("3", 1), Unit("3", 4)], seeds=[1, 8, 3])
        assert np.array_equal(first.images, again.images)
        assert np.array_equal(first.images[1], other.images[1])
        assert len({image.tobytes() for image in run([Unit("3", 1)] * 3).images}) == 3

    def test_all_kinds_come_from_lucents_loop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from mixset.generate._fvis import optimise

        calls: list[int] = []
        render_vis = optimise.render.render_vis

        def counting(*arguments: Any, **options: Any) -> Any:
            calls.append(1)
            return render_vis(*arguments, **options)

        monkeypatch.setattr(optimise.render, "render_vis", counting)
        for name in PARAMETRISATIONS:
            run(self.units, parametrisation=name, steps=1)
        assert len(calls) == 3

    def test_dead_units_give_way(self) -> None:
        body = test_fvis_sets.network()
        with torch.no_grad():
            body[3].bias[0] = -1e4
        done = visualise(
            folded(body, ["4"], 32),
            lambda index, attempt: Unit("4", attempt),
            [1],
            mean=(0.5,) * 3,
            std=(1.0,) * 3,
            size=32,
            steps=4,
            parametrisation="maco",
        )
        assert done.refused == [["dead"]]


class TestSets:
    recipe = test_fvis_sets.small(parametrisation="maco", count=5, steps=3)

    def test_the_default_is_not_written_down_so_that_older_sets_go_on(self) -> None:
        plain, values = test_fvis_sets.small(), test_fvis_sets.small().to_json()
        assert plain.parametrisation == "fourier"
        assert not {"parametrisation", "layout", "layouts"} & values.keys()
        assert FVisRecipe.from_json(values, count=6) == plain
        assert "parametrisation" not in next(render_all(plain.resolved(), range(1), "cpu"))[2]

    def test_maco_is_written_down(self) -> None:
        resolved = self.recipe.resolved()
        values = json.loads(json.dumps(resolved.to_json()))
        assert values["parametrisation"] == "maco"
        assert FVisRecipe.from_json(values, count=5) == resolved
        with pytest.raises(InputError, match="parametrisation: unknown parametrisation 'maco-phases'"):
            FVisRecipe.from_json(values | {"parametrisation": "maco-phases"}, count=5)
        with pytest.raises(InputError, match="parametrisation: unknown parametrisation 'pixels'; known ones are four"):
            FVisRecipe.from_json(values | {"parametrisation": "pixels"}, count=5)

    def test_a_set_is_gone_on_with_and_an_image_made_again(self, tmp_path: Path) -> None:
        make(dataclasses.replace(self.recipe, count=2), tmp_path / "set", workers=1, quiet=True)
        out = make(self.recipe, tmp_path / "set", workers=2, quiet=True)
        images, resolved = MixingSet(out), self.recipe.resolved()
        for index, (image, _, _) in enumerate(render_all(resolved, range(5), "cpu")):
            assert np.array_equal(images[index], image)
        assert np.array_equal(render(images, 3, trust=True), images[3])
        with pytest.raises(InputError, match="parametrisation"):
            make(test_fvis_sets.small(count=5, steps=3), out, workers=1, quiet=True)

    @pytest.mark.parametrize("version", [2, 3])
    def test_sets_of_version_2_have_phases_alone(self, version: int) -> None:
        recipe = dataclasses.replace(self.recipe, version=version).resolved()
        image, seed, params = next(render_all(recipe, range(1), "cpu"))
        alone = run([Unit(params["layer"], params["channel"])], seeds=[seed], steps=3, mean=recipe.mean, std=recipe.std)
        phases = run(
            [Unit(params["layer"], params["channel"])],
            seeds=[seed],
            steps=3,
            mean=recipe.mean,
            std=recipe.std,
            parametrisation="maco-phases",
        )
        assert params["parametrisation"] == "maco"
        assert np.array_equal(image, (phases if version == 2 else alone).images[0])
        assert not np.array_equal(phases.images[0], alone.images[0])

    def test_params_and_seed_are_enough_to_make_an_image(self, tmp_path: Path) -> None:
        out = make(self.recipe, tmp_path / "set", workers=1, quiet=True)
        record = read_record(out / "fvis-00000.h5", 4)
        params = record.params
        assert params["attempt"] == 0
        made = visualise(
            folded(test_fvis_sets.network(), ["0", "3"], params["size"]),
            lambda index, attempt: Unit(params["layer"], params["channel"]),
            [record.seed],
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
            size=params["size"],
            steps=params["steps"],
            objective=params["objective"],
            parametrisation=params["parametrisation"],
        )
        assert np.array_equal(made.images[0], MixingSet(out)[4])


def test_lucents_parameters_are_the_others() -> None:
    """Images of Fourier parameters are what lucent's own function makes of them."""
    from lucent.optvis.param import spatial

    parameters, images = parametrisations.fourier(randoms(2), 32, CPU)
    assert parameters[0].shape == (2, 3, 32, 17, 2)
    device = spatial.device
    try:
        spatial.device = CPU
        theirs, their_planes = spatial.fft_image((2, 3, 32, 32))
        with torch.no_grad():
            theirs[0].copy_(parameters[0])
            wanted = torch.sigmoid(
                torch.einsum("ij,njhw->nihw", torch.from_numpy(color.color_correlation_normalized), their_planes())
            )
            assert torch.allclose(images(), wanted, atol=1e-5)
    finally:
        spatial.device = device
