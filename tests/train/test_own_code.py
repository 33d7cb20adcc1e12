"""A method, a network, a family and a corruption of a user's own: from their files to runs, measures and pages."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mixset import MixingSet
from mixset._common import named
from mixset._common.errors import InputError
from mixset.generate._command.cli import main as mixset
from mixset.generate._job.families import FAMILIES
from pixmix.corruptions import SUITES
from pixmix.methods import METHODS, make_method
from pixmix.train._command.cli import main as pixmix
from pixmix.train._data.labelled import LabelledImages
from pixmix.train._runs import checkpoints
from pixmix.train._runs.config import TrainConfig, recipe
from pixmix.train._training import loop
from pixmix.train._training.batches import Batch, TrainingSet
from pixmix.train._training.run import train

NETWORK = """
from torch import nn

def make(num_classes):
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, num_classes),
    )
"""
METHOD = """
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from pixmix.methods import Method, as_float, uniforms

class Jitter(Method):
    "brightness times a factor"
    keys = ("image",)

    def augment_array(self, batch, key, indices):
        factors = 0.5 + 0.5 * uniforms(key, indices, 1).astype(np.float32)
        return as_float(batch) * factors[:, :, None, None]

class Extended(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network, self.head = network, nn.Linear(3, 4)

    def forward(self, images):
        logits = self.network(images)
        return torch.cat([logits, self.head(logits)], dim=1)

class Rotations(Method):
    "four rows an image, each turned further, and a head that says how far"
    views = 4

    def augment_tensor(self, batch, key, indices):
        images = super().augment_tensor(batch, key, indices)
        return torch.cat([images.rot90(turns, (2, 3)) for turns in range(4)])

    def extend(self, network):
        return Extended(network)

    def loss(self, outputs, targets):
        turns = torch.arange(4).repeat_interleave(len(targets))
        told = functional.cross_entropy(outputs[:, 3:], turns)
        return super().loss(outputs[: len(targets), :3], targets) + told

class Strange(Method):
    def extend(self, network):
        return nn.Identity()
"""
SET = """
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from mixset.generate import SetRecipe
from pixmix.corruptions import Corruption, to_bytes

@dataclass(frozen=True, kw_only=True)
class Bars(SetRecipe):
    "bars of one colour"
    family: ClassVar[str] = "bars"
    width: int = 4

    def draw(self, random):
        image = np.zeros((self.size, self.size, 3), np.uint8)
        image[:, random.integers(0, self.size - self.width) :][:, : self.width] = random.integers(1, 256, 3)
        return image

def draw(stream, size, parameters):
    return {"row": int(stream.integers(0, size[0]))}

def apply(image, count, fields):
    lines = image.copy()
    lines[(fields["row"] + np.arange(count)) % len(image)] = 0
    return lines

LINES = Corruption(name="lines", small=(1, 2, 3, 4, 5), large=(1, 2, 3, 4, 5), draw=draw, apply=apply)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None) -> Iterator[Path]:
    """A working folder with the user's code; what it adds to our tables is taken out again."""
    for name, text in {"mynet": NETWORK, "mymethod": METHOD, "myset": SET}.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(named, "_loaded", {})
    tables: list[dict[Any, Any]] = [METHODS, FAMILIES, *SUITES.values()]
    before = [dict(table) for table in tables]
    yield tmp_path
    for table, content in zip(tables, before, strict=True):
        table.clear()
        table.update(content)
    for name in [name for name in sys.modules if name.startswith("my")]:
        del sys.modules[name]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """A command as it is typed; what it says on stderr."""

    def called(line: str) -> str:
        monkeypatch.setattr(sys, "argv", line.split())
        try:
            (mixset if line.startswith("mixset") else pixmix)()
        except SystemExit as ended:
            assert not ended.code, f"{line}: {capfd.readouterr().err}"
        return capfd.readouterr().err

    return called


def config(colours: Path, method: str, **changes: object) -> TrainConfig:
    settings = {**vars(recipe("quick")), "network": "mynet.py:make", "epochs": 2, "batch_size": 9, "workers": 0}
    settings |= {"threads": 1, "suite": ("clean",), "dataset": f"folder:{colours}", "method": method}
    return TrainConfig(**{**settings, **changes})


def test_from_files_to_runs_measures_and_pages(here: Path, call: Callable[[str], str], colours: Path) -> None:
    said = call("mixset make myset.py:Bars --count 6 --size 32 --width 2 --workers 1 bars")
    assert said.count(f"family myset.py:Bars: runs the code in {here / 'myset.py'}") == 1
    assert {int((image > 0).any(axis=(0, 2)).sum()) for image in MixingSet(Path("bars"))} == {2}
    call(f"pixmix corrupt folder:{colours} lines --corruptions myset.py:LINES --workers 1")
    said = call(
        f"pixmix train folder:{colours} --recipe quick --network mynet.py:make --epochs 1 --batch-size 9 --workers 0 "
        "--threads 1 --suite clean --method mymethod.py:Jitter+cutmix"
    )
    assert "method mymethod.py:Jitter: runs the code in" in said
    run = Path("runs/colours-mymethod.py-Jitter+cutmix-0")
    assert json.loads((run / "config.json").read_text())["config"]["method"] == "mymethod.py:Jitter+cutmix"
    call(f"pixmix evaluate {run} --network mynet.py:make --suite c --c lines")
    measured = json.loads((run / "metrics.json").read_text())["c"]
    assert measured["lines"]["severities"].keys() == {*"12345"} and measured["lines"]["counted"] is False
    assert measured["mce"]["undefined"] == "there is none of the benchmark's corruptions"
    Image.new("RGB", (40, 40), (200, 100, 50)).save("dog.png")
    assert "mymethod.py:Jitter: runs" not in call(  # it was said
        "pixmix show dog.png mine.png --methods baseline mymethod.py:Jitter --mixing-set bars --size 32"
    )
    assert Image.open("mine.png").size[0] > 0


def test_pages_and_measures_run_no_code_that_a_run_names(here: Path, call: Callable[[str], str], colours: Path) -> None:
    train(config(colours, "mymethod.py:Jitter", epochs=1, network="wrn-10-1", out=Path("runs/a")))
    (here / "mymethod.py").write_text("open('harm', 'w').close()\n")
    for name in [name for name in sys.modules if name.startswith("my")]:
        del sys.modules[name]
    call("pixmix report runs/a --out report.html")
    call("pixmix evaluate runs/a --suite clean")
    page = Path("report.html").read_text()
    assert "mymethod.py:Jitter" in page
    assert not Path("harm").exists()


def test_a_method_adds_rows_and_a_head_that_saved_weights_are_without(
    here: Path, colours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = config(colours, "mymethod.py:Rotations", out=Path("whole"), checkpoint_every=2)
    rows: list[int] = []
    monkeypatch.setattr(loop.DistributedDataParallel, "__init__", lambda *_: pytest.fail("one process needs none"))
    step = loop.Training._step

    def counted(training: loop.Training, batch: Batch) -> None:
        hook = training.step.forward.register_forward_hook(lambda module, images, outputs: rows.append(len(outputs)))
        step(training, batch)
        hook.remove()

    monkeypatch.setattr(loop.Training, "_step", counted)
    assert train(whole) is not None
    assert rows == [36] * 10
    weights = checkpoints.read_weights(Path("whole/weights.safetensors"))
    plain = named.find("network", "mynet.py:make")(3)
    plain.load_state_dict(weights)
    state = checkpoints.load(checkpoints.list_checkpoints(Path("whole"))[0])
    assert state["model"].keys() == weights.keys()
    added = {name for name in state["extended"] if "head" in name}
    assert added == {"body.head.weight", "body.head.bias"}
    assert len(state["optimizer"]["state"]) == len(list(plain.parameters())) + 2
    assert all(entry["momentum_buffer"].abs().sum() > 0 for entry in state["optimizer"]["state"].values())


def test_a_killed_run_resumes_with_what_was_added(here: Path, colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(config(colours, "mymethod.py:Rotations", out=Path("whole")))
    save, saved = loop.Training.save, 0

    def dying(training: loop.Training) -> None:
        nonlocal saved
        save(training)
        saved += 1
        if saved == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop.Training, "save", dying)
    cut = config(colours, "mymethod.py:Rotations", out=Path("cut"), checkpoint_every=2)
    with pytest.raises(KeyboardInterrupt):
        train(cut)
    monkeypatch.setattr(loop.Training, "save", save)
    train(config(colours, "mymethod.py:Rotations", out=Path("cut"), checkpoint_every=2, resume=True))
    one, other = (checkpoints.load(checkpoints.list_checkpoints(Path(name))[0]) for name in ("whole", "cut"))
    for part in ("model", "extended"):
        assert one[part].keys() == other[part].keys()
        assert all(torch.equal(tensor, other[part][name]) for name, tensor in one[part].items())


def test_what_is_trained_in_place_of_the_network_contains_it(here: Path, colours: Path) -> None:
    with pytest.raises(InputError, match=r"method mymethod\.py:Strange: its extend must return a module that contains"):
        train(config(colours, "mymethod.py:Strange", out=Path("run")))


def test_loader_workers_that_are_spawned_import_the_code_first(here: Path) -> None:
    half = (0.5, 0.5, 0.5)
    method = make_method("mymethod.py:Jitter", classes=3, size=(8, 8), mean=half, std=half)
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)
    training_set = TrainingSet(LabelledImages(array=images, labels=np.arange(6) % 3, size=8), method, seed=0, flip=True)
    indices = np.arange(6)
    expected = training_set.batch(1, indices).images
    packed = pickle.dumps(training_set)
    for name in [name for name in sys.modules if name.startswith("mymethod")]:
        del sys.modules[name]
    named._loaded.clear()
    again = pickle.loads(packed)
    assert type(again.method) is not type(method)
    assert torch.equal(again.batch(1, indices).images, expected)
