"""Steps as graphs: the same weights, bit for bit, as steps of Python, on a CPU whose operations are recorded."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from recorded_steps import CpuRecorder
from run_samples import assert_graphs_resume, equal, needs, quick, weights
from torch import nn

from mixset._common.errors import InputError
from pixmix.methods._base import Method
from pixmix.methods._batches import Mixup
from pixmix.train._runs.config import TrainConfig
from pixmix.train._training import graph, step as step_module
from pixmix.train._training.batches import Batch, TrainingSet
from pixmix.train._training.rounding import RoundedWeights
from pixmix.train._training.run import train

GRAPHED = ["baseline", "cutout", "mixup", "pixmix", "mix-aug", "pixmix+cutmix", "augmix", "oe", "speckle", "noise2net"]
GRAPHED += ["iterative", "adversarial-l2", "apr-s+apr-p", "hybridaugmentpp-p", "regmixup", "logitnorm", "rotpred"]


@pytest.mark.parametrize("method", GRAPHED)
def test_graphs_take_the_steps_of_python(
    colours: Path, mixing_folder: Path, tmp_path: Path, recorded: type[CpuRecorder], method: str
) -> None:
    """Of 6 steps an epoch the last is of 5 images, and not a graph's."""
    changes = {**needs(method, colours, mixing_folder), "dropout": 0.3, "amp": "bf16", "epochs": 2}
    eager = train(quick(colours, tmp_path / "eager", graph="off", **changes))
    assert recorded.replayed == 0
    assert train(quick(colours, tmp_path / "graph", graph="on", **changes)) == eager
    assert equal(weights(tmp_path / "eager"), weights(tmp_path / "graph"))
    assert recorded.replayed == 2 * 5
    # CutMix and APR mix every other batch, HybridAugment++ twice; Noise2Net has other convolutions in each epoch.
    forms = {**dict.fromkeys(("pixmix+cutmix", "noise2net", "apr-s+apr-p"), 2), "hybridaugmentpp-p": 3}
    assert recorded.recorded == forms.get(method, 1)


@pytest.mark.parametrize("amp", ["off", "bf16"])
def test_fifty_steps_are_the_same(colours: Path, tmp_path: Path, recorded: type[CpuRecorder], amp: str) -> None:
    changes = {"dropout": 0.3, "amp": amp, "epochs": 9}
    for name in ("off", "on"):
        train(quick(colours, tmp_path / name, graph=name, **changes))
    assert recorded.replayed == 45
    assert equal(weights(tmp_path / "off"), weights(tmp_path / "on"))
    assert log(tmp_path / "off") == log(tmp_path / "on")


def log(run: Path) -> list[str]:
    return [line.partition('"seconds"')[0] for line in (run / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("method", ["pixmix+cutmix", "iterative", "speckle"])
def test_a_broken_run_is_resumed_by_graphs_or_without(
    colours: Path,
    mixing_folder: Path,
    tmp_path: Path,
    steps_left: list[int],
    recorded: type[CpuRecorder],
    method: str,
) -> None:
    changes = {**needs(method, colours, mixing_folder), "dropout": 0.3, "epochs": 3, "checkpoint_every": 1}
    assert_graphs_resume(colours, tmp_path, steps_left, changes)


@pytest.mark.parametrize("method", ["pixmix", "augmix", "oe", "hybridaugmentpp-s", "iterative+cutmix"])
def test_images_of_many_steps_at_once_are_those_of_each(
    colours: Path,
    mixing_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recorded: type[CpuRecorder],
    method: str,
) -> None:
    """Iterative's pool is refreshed every other step, and no image is made before the refresh that it comes after."""
    changes = {**needs(method, colours, mixing_folder), "epochs": 2}
    made: list[int] = []
    inputs = TrainingSet.inputs

    def counted(self: TrainingSet, epoch: int, batch: Batch) -> torch.Tensor:
        made.append(len(batch.labels))
        return inputs(self, epoch, batch)

    monkeypatch.setattr(TrainingSet, "inputs", counted)
    train(quick(colours, tmp_path / "many", **changes))
    expected = 2 * [16, 16, 13] if "iterative" in method else [45, 45]
    assert [count for count in made if count != 6] == expected  # 6: the images that are drawn at the start
    monkeypatch.setattr("pixmix.train._training.feed.AHEAD", 0)
    train(quick(colours, tmp_path / "each", **changes))
    assert equal(weights(tmp_path / "many"), weights(tmp_path / "each"))


class Half(nn.Module):
    """A convolution that counts twice, a linear layer that never does, and a norm between."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.idle, self.head = nn.Linear(3, 3), nn.Linear(3, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.convolution(self.norm(self.convolution(images))).mean((2, 3)))


def test_rounded_weights_are_those_of_autocast() -> None:
    torch.manual_seed(0)
    plain = Half()
    other = copy.deepcopy(plain)
    rounded = RoundedWeights(other, torch.bfloat16)
    images = torch.rand(5, 3, 6, 6)
    for network in (plain, rounded):
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(images)
        logits.float().square().sum().backward()
    for (name, one), two in zip(plain.named_parameters(), other.parameters(), strict=True):
        assert (one.grad is None) == (two.grad is None) == name.startswith("idle"), name
        if one.grad is not None:
            assert one.grad.any() and two.grad is not None and two.grad.dtype is torch.float32
            assert torch.equal(one.grad, two.grad), name


class Asks(Mixup):
    """Looks at the batch in Python, which no graph can."""

    def change(self, images: torch.Tensor, labels: torch.Tensor, **rest: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return super().change(images * float(images.sum() > 0), labels, **rest)


class Counts(Method):
    """A loss that Python has a hand in."""

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return 2 * super().loss(logits, targets)


def test_what_waits_for_the_host_is_said_and_goes_on_without(
    colours: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recorded: type[CpuRecorder],
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("pixmix.methods._batches.Mixup", Asks)
    train(quick(colours, tmp_path / "eager", method="mixup", graph="off"))
    capsys.readouterr()
    train(quick(colours, tmp_path / "run", method="mixup"))
    assert "steps are not taken as CUDA graphs: called a synchronizing operation" in capsys.readouterr().err
    assert recorded.replayed == 0
    assert equal(weights(tmp_path / "eager"), weights(tmp_path / "run"))
    with pytest.raises(InputError, match="graph on: a step of this network cannot be one"):
        train(quick(colours, tmp_path / "on", method="mixup", graph="on"))


def test_ones_own_loss_or_network_is_left_to_python(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: type[CpuRecorder]
) -> None:
    assert not Counts.in_graph and not Counts().in_graph and Mixup.in_graph
    monkeypatch.setattr("pixmix.methods._cutout.Cutout.in_graph", False)
    train(quick(colours, tmp_path / "a", method="cutout"))
    assert recorded.replayed == 0
    with pytest.raises(InputError, match="the method cutout needs the host"):
        train(quick(colours, tmp_path / "b", method="cutout", graph="on"))
    (tmp_path / "flat.py").write_text(
        "from torch import nn\n\n\ndef make(num_classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(768, num_classes))\n"
    )
    own = {"network": f"{tmp_path}/flat.py:make"}
    train(quick(colours, tmp_path / "c", **own))
    assert recorded.replayed == 0
    train(quick(colours, tmp_path / "d", graph="on", **own))  # its user knows
    assert recorded.replayed == 5
    assert equal(weights(tmp_path / "c"), weights(tmp_path / "d"))


@pytest.mark.parametrize(
    ("world", "device", "amp", "method", "why"),
    [
        (1, "cpu", "auto", "mixup", "needs a GPU of NVIDIA, not cpu"),
        (2, "cuda", "bf16", "mixup", "is for a single process, not 2"),
        (1, "cuda", "fp16", "mixup", "fp16 looks at each step's gradients"),
        (1, "cuda", "bf16", "own", "the method mine needs the host in each step"),
        (1, "cuda", "bf16", "mixup", ""),
    ],
)
def test_on_is_refused_where_it_cannot_be(world: int, device: str, amp: str, method: str, why: str) -> None:
    made = Counts() if method == "own" else Mixup()
    config = TrainConfig(dataset="digits", graph="on", amp=amp, method="mine" if method == "own" else method)
    if why:
        with pytest.raises(InputError, match=f"^graph on: .*{why}.*; leave `graph` out$"):
            graph.check_graph(config, torch.device(device), world, made)
    else:
        assert graph.check_graph(config, torch.device(device), world, made)


def test_a_step_that_does_not_fit_says_so(colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate ...")

    monkeypatch.setattr(step_module.Step, "take", full)
    with pytest.raises(InputError, match=r"^batch_size 8: a training step does not fit .* give a smaller `batch_size`"):
        train(quick(colours, tmp_path / "run"))


@pytest.mark.parametrize("method", ["rotpred", "apr-p"])
def test_the_network_gets_its_own_layout(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Turns and Fourier transforms leave another one behind."""
    seen = []
    learn = step_module.Step._learn

    def watched(step: step_module.Step, images: torch.Tensor, targets: Any, forward: nn.Module, weight: float) -> None:
        hook = forward.register_forward_pre_hook(
            lambda _, given: seen.append(given[0].is_contiguous(memory_format=torch.channels_last))
        )
        learn(step, images, targets, forward, weight)
        hook.remove()

    monkeypatch.setattr(step_module.Step, "_learn", watched)
    train(quick(colours, tmp_path / "run", method=method))
    assert seen and all(seen)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: CUDA graphs cannot be captured here")
@pytest.mark.parametrize("method", ["baseline", "pixmix", "cutmix", "noise2net", "augmix", "iterative"])
def test_on_a_gpu_graphs_take_the_steps_of_python(
    colours: Path, mixing_folder: Path, tmp_path: Path, method: str
) -> None:
    """The same kernels on the same numbers; what cuDNN adds up in any order may differ by bfloat16's noise.

    Visualisations of the network make that noise many times as large, so that theirs are trained in float32.
    """
    changes = {**needs(method, colours, mixing_folder), "dropout": 0.3, "epochs": 4, "device": "cuda"}
    changes["amp"] = "off" if method == "iterative" else "auto"
    for way in ("off", "on"):
        train(quick(colours, tmp_path / way, graph=way, **changes))
    off, on = weights(tmp_path / "off"), weights(tmp_path / "on")
    for name, value in off.items():
        torch.testing.assert_close(on[name], value, rtol=0.05, atol=0.02)
