"""The paper's three mixing sets (Table 6), small: fractals, feature visualisations of the same network, and both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mixset import MixingSet
from mixset.generate import FractalRecipe, FVisRecipe, make
from mixset.generate._networks.weights import read_weights
from pixmix.train._runs.config import TrainConfig, recipe
from pixmix.train._training.run import train

pytestmark = pytest.mark.usefixtures("one_thread")


def run(data: Path, out: Path, **changes: object) -> dict[str, object]:
    own = {"network": "wrn-10-1", "epochs": 1, "batch_size": 16, "workers": 0, "threads": 1, "suite": ("clean",)}
    metrics = train(TrainConfig(**{**vars(recipe("quick")), **own, "dataset": f"folder:{data}", "out": out, **changes}))
    assert metrics is not None
    return metrics


def test_a_network_trains_on_visualisations_of_its_like(colours: Path, tmp_path: Path) -> None:
    run(colours, tmp_path / "baseline")
    visualisations = make(
        FVisRecipe(network=f"run:{tmp_path / 'baseline'}", count=8, size=32, steps=4, batch=8),
        tmp_path / "fvis",
        workers=1,
        quiet=True,
    )
    fractals = make(FractalRecipe(count=8, size=32), tmp_path / "fractals", workers=1, quiet=True)
    assert MixingSet(visualisations).caption(0)[1].startswith(("conv1:", "block1."))
    weights = []
    for name, sets in (("one", [fractals]), ("two", [visualisations]), ("both", [fractals, visualisations])):
        shares = (0.75, 0.25) if len(sets) == 2 else ()
        mixing = {"mixing_set": tuple(map(str, sets)), "weights": shares}
        metrics = run(colours, tmp_path / name, method="pixmix", **mixing)
        assert 0 <= metrics["clean"]["error"]["value"] <= 1
        config = json.loads((tmp_path / name / "config.json").read_text())["config"]
        assert (config["mixing_set"], config["weights"]) == ([str(one) for one in sets], list(shares))
        weights.append(read_weights(tmp_path / name / "weights.safetensors")["conv1.weight"])
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[1], weights[2])
