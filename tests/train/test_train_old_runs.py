"""Runs of release 0.1.0 stay readable: `run-0.1.0` was made by it (digits, wrn-10-1; two epochs, checkpoint of one)."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mixset._common.errors import InputError
from mixset.generate import FVisRecipe
from pixmix.train._evaluation.models import load_model
from pixmix.train._runs.config import recipe
from pixmix.train._training.run import train

KEPT = Path(__file__).with_name("run-0.1.0")
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(KEPT, tmp_path / "run"))


def test_its_network_is_measured_and_visualised(run: Path) -> None:
    model = load_model(str(run))
    weights = torch.load(run / "weights.pt", weights_only=True)
    assert all(torch.equal(value, weights[name]) for name, value in model.network.body.state_dict().items())
    assert (model.dataset, model.size, len(model.classes or ())) == ("digits", 32, 10)
    found = FVisRecipe(network=f"run:{run}", size=32, layers=("conv1",)).resolved()
    assert found.channels == (16,)


def test_it_is_resumed_from_its_checkpoint_to_the_same_end(run: Path) -> None:
    (run / "weights.pt").unlink()
    (run / "metrics.json").unlink()
    config = replace(
        recipe("quick"), dataset="digits", network="wrn-10-1", epochs=2, subset=100, test_subset=50, batch_size=50,
        workers=0, suite=("clean",), momentum=0.0, threads=1, device="cpu", out=run, resume=True,
    )  # fmt: skip
    metrics = train(config)
    assert metrics is not None and metrics["clean"]["error"]["n"] == 50
    ended = torch.load(KEPT / "weights.pt", weights_only=True)
    for name, value in load_model(str(run)).network.body.state_dict().items():
        torch.testing.assert_close(value, ended[name], rtol=1e-2, atol=1e-3)  # processors round otherwise
    assert (run / "weights.safetensors").exists()


@pytest.mark.parametrize("name", ["weights.pt", "checkpoint.pt"])
def test_damage_in_it_is_found(run: Path, name: str) -> None:
    content = bytearray((run / name).read_bytes())
    content[len(content) // 2] ^= 1
    (run / name).write_bytes(content)
    if name == "checkpoint.pt":
        (run / "weights.pt").unlink()
    with pytest.raises(InputError, match=rf"{name} is damaged \(Bad CRC-32"):
        load_model(str(run))
