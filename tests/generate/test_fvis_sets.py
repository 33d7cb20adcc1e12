"""Sets of feature visualisations: recipes, which unit comes when, images as a function of recipe and index."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mixset import MixingSet
from mixset._common.errors import InputError
from mixset._store import manifest
from mixset._store.shards import read_record, verify
from mixset.generate import FVisRecipe, make
from mixset.generate._fvis import recipe as recipes
from mixset.generate._fvis.rendering import render_all
from mixset.generate._fvis.units import units_of
from mixset.generate._job.families import FAMILIES
from mixset.generate._job.job import remake

NETWORK = "test_fvis_sets:network"


def network() -> nn.Module:
    """A stack of convolutions, the same at every call."""
    generator = torch.Generator().manual_seed(5)
    body = nn.Sequential(
        nn.Conv2d(3, 10, 3, padding=1), nn.BatchNorm2d(10), nn.ReLU(), nn.Conv2d(10, 6, 3, padding=1), nn.ReLU()
    )
    for weights in body.parameters():
        with torch.no_grad():
            weights.copy_(torch.randn(weights.shape, generator=generator) * 0.3)
    return body


pytestmark = pytest.mark.usefixtures("one_thread")


def small(**changes: Any) -> FVisRecipe:
    return FVisRecipe(
        **{"count": 6, "size": 32, "network": NETWORK, "layers": ("all",), "steps": 4, "batch": 4} | changes
    )


class TestRecipe:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"size": 16}, "size: 16 is out of range"),
            ({"steps": 0}, "steps: 0 is out of range"),
            ({"batch": 3}, "batch: 3 does not divide 64"),
            ({"batch": 128}, "batch: 128 is out of range"),
            ({"objective": "beauty"}, "objective: unknown objective 'beauty'; known ones are channel, neuron"),
            ({"lr": 0.0}, "lr: 0.0 is out of range"),
            ({"lr": float("nan")}, "lr: nan is out of range"),
            ({"diversity": float("inf")}, "diversity: inf is not a number up to a million"),
            ({"layers": ()}, "layers: none given"),
            ({"mean": (0.5, 0.5)}, "mean: .* must be three finite numbers"),
            ({"std": (0.5, 0.5, 0.0)}, "std: .* must be above zero"),
        ],
    )
    def test_bad_fields_are_refused_by_name(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(InputError, match=rf"^{message}"):
            small(**changes)

    def test_resolving_writes_down_what_the_content_depends_on(self) -> None:
        recipe = small(layers=("early",)).resolved()
        assert recipe.layers == ("0",)
        assert recipe.channels == (10,)
        assert len(recipe.weights) == 64
        assert recipe.mean == (0.485, 0.456, 0.406)
        assert recipe.resolved() == recipe
        values = json.loads(json.dumps(recipe.to_json()))
        assert FVisRecipe.from_json(values, count=6) == recipe

    def test_other_weights_are_refused(self) -> None:
        recipe = dataclasses.replace(small().resolved(), weights="0" * 64)
        with pytest.raises(InputError, match=rf"^network {NETWORK}: has weights [0-9a-f]{{16}}, the set is of 0000"):
            recipe.resolved()
        with pytest.raises(InputError, match="the set is of 0000"):
            list(render_all(recipe, range(1), "cpu"))

    def test_unknown_layers_are_refused(self) -> None:
        with pytest.raises(InputError, match="no layer 'conv9'"):
            small(layers=("conv9",)).resolved()

    def test_the_familys_shard_is_the_recipes(self) -> None:
        assert FAMILIES["fvis"].shard == recipes.SHARD
        assert FAMILIES["fvis"].on_device


def nan() -> nn.Module:
    body = network()
    nn.init.constant_(body[0].weight, float("nan"))
    return body


class Root(nn.Module):
    """Gives what is not a number, whatever its weights are."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(torch.sqrt(-x.square() - 1))


class Pair(nn.Module):
    """Gives a tuple, which is nothing to a layer in it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.conv(x), x


def scripted() -> nn.Module:
    return torch.jit.script(network())


def flat() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2))


class TestNetworksThatCannotBeShown:
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("nan", r"0\.weight is not finite \(its training diverged\)"),
            ("Root", "what layer conv gives is not finite"),
            ("scripted", "is compiled"),
            ("flat", "all means convolutions or the MLPs of transformers, but the network has none"),
        ],
    )
    @pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
    def test_one_line_says_so(self, name: str, message: str) -> None:
        with pytest.raises(InputError, match=message) as raised:
            list(render_all(small(network=f"test_fvis_sets:{name}").resolved(), range(1), "cpu"))
        assert "\n" not in str(raised.value)

    def test_a_tuple_is_no_matter(self) -> None:
        recipe = small(network="test_fvis_sets:Pair").resolved()
        assert recipe.layers == ("conv",)
        assert len(list(render_all(recipe, range(1), "cpu"))) == 1


def test_without_lucent_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'need lucent, .* pip install "pixmix\[fvis\]"'):
        make(small(), tmp_path / "set", workers=1, quiet=True)
    assert not (tmp_path / "set").exists()


class TestRepair:
    def test_what_a_set_names_is_not_used_unasked(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        out = make(small(count=2, steps=1), tmp_path / "set", workers=1, quiet=True)
        entry = manifest.read(out).shards[0]
        values = manifest.read(out).recipe
        capsys.readouterr()
        for name in (NETWORK, "run:elsewhere", "timm:hf-hub:a/b"):
            with pytest.raises(InputError, match=f"mixset.json: names the network {name}, and .*--trust"):
                list(remake(out, entry, values | {"network": name}))
        again = [image for image, _, _ in remake(out, entry, values, trust=True)]
        assert np.array_equal(again, list(MixingSet(out)))
        assert f"trusted: the network {NETWORK}, which {out / 'mixset.json'} names" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "changes",
        [{"network": 5}, {"layers": 5}, {"channels": [10**9, 6]}, {"lr": "x"}, {"channels": [1]}, {"mean": "abc"}],
    )
    def test_recipes_of_other_types(self, tmp_path: Path, changes: dict[str, Any]) -> None:
        values = small().resolved().to_json() | changes
        entry = manifest.Entry("fvis-00000.h5", "fvis", 0, 2, "0" * 64, "0" * 64, "none")
        with pytest.raises(InputError, match=r"^(the recipe in|channels)"):
            list(remake(tmp_path, entry, values, trust=True))


class TestImages:
    def test_an_image_is_a_function_of_recipe_and_index(self) -> None:
        recipe = small(count=12).resolved()
        whole = list(render_all(recipe, range(12), "cpu"))
        assert len({image.tobytes() for image, _, _ in whole}) == 12
        for indices in (range(3, 7), range(8, 9), range(11, 12)):
            for index, (image, seed, params) in zip(indices, render_all(recipe, indices, "cpu"), strict=True):
                assert np.array_equal(image, whole[index][0])
                assert (seed, params) == whole[index][1:]
        other = next(render_all(small(seed=1).resolved(), range(1), "cpu"))
        assert not np.array_equal(other[0], whole[0][0])

    def test_params_say_what_is_shown(self) -> None:
        recipe = small().resolved()
        image, _, params = next(render_all(recipe, range(1, 2), "cpu"))
        assert {name: params[name] for name in ("network", "weights", "objective", "steps", "size", "index")} == {
            "network": NETWORK,
            "weights": recipe.weights[:16],
            "objective": "channel",
            "steps": 4,
            "size": 32,
            "index": 1,
        }
        unit = units_of(recipe, 0)[1]
        assert (params["layer"], params["channel"]) == tuple(unit)
        assert params["shows"] == f"{unit.layer}:{unit.channel}"
        body = network().eval()
        inputs = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (recipe.mean, recipe.std))
        with torch.no_grad():
            found = body[: int(unit.layer) + 1]((inputs - mean) / std)[0, unit.channel].mean()
        assert params["score"] == pytest.approx(float(found), abs=1e-3)

    def test_objectives_reach_the_images(self) -> None:
        images = {
            objective: next(render_all(small(objective=objective, steps=8).resolved(), range(1), "cpu"))[0].tobytes()
            for objective in ("channel", "neuron", "direction", "deep-dream")
        }
        assert len(set(images.values())) == 4
        dream = next(render_all(small(objective="deep-dream").resolved(), range(1), "cpu"))[2]
        assert dream["channel"] is None

    @pytest.mark.parametrize("workers", [1, 2])
    def test_the_job_makes_the_same_set_with_any_workers_and_extends_it(self, tmp_path: Path, workers: int) -> None:
        recipe = small(count=70, steps=2, batch=16)
        begun = make(small(count=5, steps=2, batch=16), tmp_path / "set", workers=workers, quiet=True)
        first = MixingSet(begun)[4]
        make(recipe, begun, workers=workers, quiet=True)
        assert np.array_equal(MixingSet(begun)[4], first)
        resolved = recipe.resolved()
        wanted = [image for image, _, _ in render_all(resolved, range(70), "cpu")]
        assert all(np.array_equal(one, MixingSet(begun)[index]) for index, one in enumerate(wanted))
        assert MixingSet(begun).caption(3) == (
            "fvis 3",
            "{layer}:{channel}".format(**read_record(begun / "fvis-00000.h5", 3).params),
        )
        info = verify(begun / "fvis-00000.h5")
        assert (info.family, info.count, info.recipe) == ("fvis", 64, resolved.to_json())

    def test_a_set_of_another_recipe_is_not_gone_on_with(self, tmp_path: Path) -> None:
        out = make(small(steps=1), tmp_path / "set", workers=1, quiet=True)
        with pytest.raises(InputError, match="steps"):
            make(small(steps=2), out, workers=1, quiet=True)
