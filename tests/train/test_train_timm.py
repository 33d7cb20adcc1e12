"""Networks of timm in training: by name, with the normalisation that they were made for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm.layers
import torch
from torch import nn

from mixset._common.errors import InputError
from mixset.generate._networks.spec import NetworkSpec, network_spec
from pixmix.train._ablations.config import AblateConfig
from pixmix.train._ablations.plan import training
from pixmix.train._ablations.tables import find_row
from pixmix.train._ablations.titles import title
from pixmix.train._evaluation.models import load
from pixmix.train._runs.config import TrainConfig, recipe
from pixmix.train._runs.run_folder import RunFolder
from pixmix.train._training.run import train


def test_a_network_of_timm_is_trained_with_its_own_normalisation(tmp_path: Path, one_thread: None) -> None:
    run = tmp_path / "run"
    config = TrainConfig(dataset="digits", network="timm:test_efficientnet", epochs=1, batch_size=20, out=run)
    config = replace(config, subset=20, test_subset=20, suite=("clean",), resume=True)
    train(config)
    described = json.loads((run / "config.json").read_text())
    # Its card's; digits have 0.5 by themselves.
    assert described["images"]["mean"] == [0.485, 0.456, 0.406] and described["images"]["std"] == [0.229, 0.224, 0.225]
    assert load(run).mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    # A run that was begun with another one is not trained on with this one.
    described["images"]["mean"] = [0.5, 0.5, 0.5]
    (run / "config.json").write_text(json.dumps(described))
    (run / "metrics.json").unlink()
    with pytest.raises(InputError, match="holds a run whose images have another normalisation"):
        train(config)


def rates(network: nn.Module) -> list[float]:
    """Of the network's branches that are dropped, in the order of its blocks."""
    return [module.drop_prob for module in network.modules() if isinstance(module, timm.layers.DropPath)]


def test_drop_path_reaches_the_blocks_in_training_alone() -> None:
    """Twelve blocks of two branches each, from none to the rate, as in DeiT's `linspace(0, rate, depth)`."""
    spec = network_spec("vit_small_patch16_224", classes=3, drop_path=recipe("vit-s").drop_path)
    assert spec.to_json()["arguments"] == {"num_classes": 3, "drop_path_rate": 0.1}
    wanted = np.linspace(0, 0.1, 12).repeat(2)[2:]  # timm leaves a rate of zero out
    assert rates(spec.build()) == pytest.approx(wanted.tolist(), abs=1e-7)
    assert rates(network_spec("vit_small_patch16_224", classes=3).build()) == []
    built = []
    for rate in (0.0, 0.8):
        torch.manual_seed(0)
        built.append(network_spec("test_vit", classes=3, drop_path=rate).build())
    plain, dropping = built
    images = torch.rand(2, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(plain.eval()(images), dropping.eval()(images))  # the same weights, too
        assert not torch.equal(dropping.train()(images), dropping(images))


@pytest.mark.parametrize("name", ["wrn-10-1", "resnet18", "timm:vgg11", "torchvision.models:vgg11"])
def test_a_network_without_drop_path_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=rf"^network {name}: has no drop path.*; give `drop_path` 0$"):
        network_spec(name, classes=3, drop_path=0.1).build()


@pytest.mark.parametrize("rate", [1, -0.1, "0.1", True, None, float("nan")])
def test_a_rate_in_a_file_is_looked_at(rate: object) -> None:
    with pytest.raises(InputError, match=r"drop_path_rate .* must be a number from 0, below 1"):
        NetworkSpec(name="timm:test_vit", arguments={"num_classes": 3, "drop_path_rate": rate})
    with pytest.raises(InputError, match="takes no argument 'drop_path_rate'"):
        NetworkSpec(name="resnet18", arguments={"num_classes": 3, "drop_path_rate": rate})


def test_a_run_begun_before_its_recipe_had_drop_path_goes_on_without(tmp_path: Path) -> None:
    config = replace(recipe("vit-s"), out=tmp_path, resume=True)
    older = {name: value for name, value in config.to_json().items() if name != "drop_path"}
    (tmp_path / "config.json").write_text(json.dumps({"config": older}))
    RunFolder(tmp_path).check(replace(config, drop_path=0.0))
    with pytest.raises(InputError, match=r"holds a run with drop_path 0\.0, not 0\.1"):
        RunFolder(tmp_path).check(config)


@pytest.mark.parametrize(
    ("network", "rate"), [(None, 0.1), ("timm:vit_small_patch16_224", 0.1), ("resnet50", 0.0), ("timm:vgg11", 0.0)]
)
def test_tables_take_a_recipes_drop_path_for_its_own_network_alone(network: str | None, rate: float) -> None:
    config = AblateConfig(table="6", dataset="folder:imagenet", recipe="vit-s", network=network)
    assert training(config, find_row("pixmix"), 0).drop_path == rate
    assert ("drop path as in the recipe vit-s" in title(config)) is (rate > 0)


@pytest.mark.parametrize(
    ("name", "mean"),
    [
        ("vit_small_patch16_224", (0.5, 0.5, 0.5)),
        ("timm:vit_small_patch16_224.augreg_in21k", (0.5, 0.5, 0.5)),
        ("timm:resnet50.a1_in1k", (0.485, 0.456, 0.406)),
        ("resnet50", None),
        ("wrn-10-1", None),
    ],
)
def test_which_networks_say_how_their_images_are_normalised(name: str, mean: tuple[float, ...] | None) -> None:
    found = network_spec(name, classes=10).normalisation()
    assert (None if found is None else found[0]) == mean
