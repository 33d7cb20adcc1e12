"""A run that has ended goes on to more epochs, at the learning rate that a run of so many has there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from run_samples import equal, quick, weights

from mixset._common.errors import InputError
from pixmix.train._runs import checkpoints
from pixmix.train._runs.run_folder import RunFolder
from pixmix.train._training.run import train

pytestmark = pytest.mark.usefixtures("one_thread")
WAYS: dict[str, Any] = {"dropout": 0.3, "checkpoint_every": 2, "resume": True}


@pytest.fixture(scope="module")
def ended(colours: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 2 epochs."""
    out = tmp_path_factory.mktemp("longer") / "run"
    train(quick(colours, out, epochs=2, **WAYS))
    return out


def entries(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def as_if_of_four(ended: Path, out: Path) -> Path:
    """A run of 4 epochs that was killed after 2, in which it was the run of 2."""
    shutil.copytree(ended, out)
    (out / "metrics.json").unlink()
    (out / "weights.safetensors").unlink()
    described = json.loads((out / "config.json").read_text())
    described["config"]["epochs"] = 4
    (out / "config.json").write_text(json.dumps(described))
    return out


def test_it_goes_on_as_a_longer_run_would(
    colours: Path, ended: Path, tmp_path: Path, steps_left: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Broken off on the way, too; what the shorter one came to stays beside."""
    kept = {name: (ended / name).read_bytes() for name in ("metrics.json", "weights.safetensors")}
    run = Path(shutil.copytree(ended, tmp_path / "run"))
    for steps in (0, 3, 5):
        steps_left[:] = [steps]
        with pytest.raises(KeyboardInterrupt):
            train(quick(colours, run, epochs=4, **WAYS))
    assert capsys.readouterr().err.count("goes on after 2 of now 4 epochs, at the learning rate that a run of 4") == 1
    steps_left[:] = []
    metrics = train(quick(colours, run, epochs=4, **WAYS))
    assert metrics is not None and metrics["epochs"] == 4
    other = as_if_of_four(ended, tmp_path / "other")
    train(quick(colours, other, epochs=4, **WAYS))
    assert equal(weights(run), weights(other)) and not equal(weights(run), weights(ended))
    assert [entry["epoch"] for entry in entries(run)] == [1, 2, 3, 4]
    train(quick(colours, tmp_path / "whole", epochs=4, **WAYS))
    rates = [[entry["lr"] for entry in entries(folder)] for folder in (run, tmp_path / "whole")]
    assert rates[0][2:] == rates[1][2:] and rates[0][1] == pytest.approx(1e-6)
    for name, content in kept.items():
        stem, _, suffix = name.partition(".")
        assert (run / f"{stem}-2.{suffix}").read_bytes() == content
    described = json.loads((run / "config.json").read_text())
    assert (described["config"]["epochs"], described["ended_after"]) == (4, [2])
    assert train(quick(colours, run, epochs=4, **WAYS)) == metrics  # it has ended, and stays as it is


def test_a_call_that_was_killed_while_it_opened_the_run_is_done_again(
    colours: Path, ended: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, replace = Path(shutil.copytree(ended, tmp_path / "run")), Path.replace

    def killed(path: Path, to: Path) -> Path:
        if path.name == "metrics.json":
            raise KeyboardInterrupt
        return replace(path, to)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", killed)
        train(quick(colours, run, epochs=4, **WAYS))
    train(quick(colours, run, epochs=4, **WAYS))
    other = as_if_of_four(ended, tmp_path / "other")
    train(quick(colours, other, epochs=4, **WAYS))
    assert equal(weights(run), weights(other))
    assert json.loads((run / "config.json").read_text())["ended_after"] == [2]


def test_what_cannot_go_on_is_refused_and_left(colours: Path, ended: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds a run with epochs 2, not 1"):
        train(quick(colours, ended, epochs=1, **WAYS))
    with pytest.raises(InputError, match=r"holds a run with lr 0\.1, not 0\.2"):
        train(quick(colours, ended, epochs=4, lr=0.2, **WAYS))
    with pytest.raises(InputError, match="holds a run; `resume` resumes it"):
        train(quick(colours, ended, epochs=4, **{**WAYS, "resume": False}))
    going = as_if_of_four(ended, tmp_path / "going")
    with pytest.raises(InputError, match="holds a run with epochs 4, not 5"):
        train(quick(colours, going, epochs=5, **WAYS))
    bare = Path(shutil.copytree(ended, tmp_path / "bare"))
    for path in checkpoints.list_checkpoints(bare):
        path.unlink()
    with pytest.raises(InputError, match="has no checkpoint to go on from; give its own `epochs`, 2"):
        train(quick(colours, bare, epochs=4, **WAYS))
    assert RunFolder(bare).metrics.exists() and RunFolder(bare).weights.exists()
