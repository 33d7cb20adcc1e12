"""The best epoch's weights: kept, the same when a run is resumed, measured in a folder of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from run_samples import equal, quick, weights

from mixset._common.errors import InputError
from pixmix.train._evaluation.config import EvaluateConfig
from pixmix.train._evaluation.evaluate import evaluate
from pixmix.train._runs.checkpoints import read_weights
from pixmix.train._runs.config import TrainConfig
from pixmix.train._training import loop
from pixmix.train._training.run import train

pytestmark = pytest.mark.usefixtures("one_thread")
ERRORS = {1: 0.5, 2: 0.25, 3: 0.25, 4: 0.375}
"""By epoch; the second is the first that is best."""


@pytest.fixture(autouse=True)
def _errors(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(self: loop.Training) -> tuple[float, bool]:
        return ERRORS[self.epoch + 1], False

    monkeypatch.setattr(loop.Training, "test", told)


def run(colours: Path, out: Path, **changes: Any) -> TrainConfig:
    return quick(colours, out, **{"epochs": 4, "checkpoint_every": 2, "keep_best": True, **changes})


def measuring(model: Path, out: Path | None = None, checkpoint: Any = "best") -> EvaluateConfig:
    return EvaluateConfig(model=str(model), suite=("clean",), checkpoint=checkpoint, out=out, workers=0)


def test_the_first_epoch_of_the_lowest_error_is_kept(colours: Path, tmp_path: Path, steps_left: list[int]) -> None:
    """The run's rate is that of 4 epochs: one that is broken off after 2 has the weights to compare with."""
    train(run(colours, tmp_path / "run"))
    best = read_weights(tmp_path / "run" / "best.safetensors", hashed=True)
    assert not equal(best, weights(tmp_path / "run"))
    broken = run(colours, tmp_path / "broken", resume=True)
    for steps in (12, 5, 3):
        steps_left[:] = [steps]
        with pytest.raises(KeyboardInterrupt):
            train(broken)
        if steps < 12:
            assert equal(best, read_weights(tmp_path / "broken" / "best.safetensors", hashed=True))
    steps_left[:] = []
    train(broken)
    assert equal(best, read_weights(tmp_path / "broken" / "best.safetensors", hashed=True))
    train(run(colours, tmp_path / "off", keep_best=False))
    assert not (tmp_path / "off" / "best.safetensors").exists()
    assert equal(weights(tmp_path / "off"), weights(tmp_path / "run"))


def test_it_is_measured_beside_the_last_one(colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    train(run(colours, tmp_path / "run"))
    kept = (tmp_path / "run" / "metrics.json").read_bytes()
    found = evaluate(measuring(tmp_path / "run"))
    assert found is not None and found["checkpoint"] == "best"
    assert (tmp_path / "evaluations" / "run-best" / "metrics.json").exists()
    assert (tmp_path / "run" / "metrics.json").read_bytes() == kept
    last = evaluate(measuring(tmp_path / "run", tmp_path / "last", "last"))
    assert last is not None and last["network"] != found["network"]
    plain = tmp_path / "run" / "best.safetensors"
    same = evaluate(EvaluateConfig(model=str(plain), network="wrn-10-1", dataset=f"folder:{colours}", suite=("clean",)))
    assert same is not None and same["clean"]["error"] == found["clean"]["error"]
    with pytest.raises(InputError, match="has the measures of the run's last weights"):
        evaluate(measuring(tmp_path / "run", tmp_path / "run"))
    with pytest.raises(InputError, match=r"^checkpoint best: is for a run"):
        evaluate(measuring(plain))
    spoiled = bytearray(plain.read_bytes())
    spoiled[-1] ^= 1
    plain.write_bytes(spoiled)
    with pytest.raises(InputError, match="is damaged"):
        evaluate(measuring(tmp_path / "run"))
    plain.unlink()
    with pytest.raises(InputError, match=r"^checkpoint best: .* has none"):
        evaluate(measuring(tmp_path / "run"))
