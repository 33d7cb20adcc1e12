"""Networks of timm in training: by name, with the normalisation that they were made for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mixset._common.errors import InputError
from mixset.generate._networks.spec import network_spec
from pixmix.train._evaluation.models import load
from pixmix.train._runs.config import TrainConfig
from pixmix.train._training.run import train

pytest.importorskip("timm")


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
