"""Options of training, each off by default: their arithmetic beside torch's or timm's own, graphs, and runs resumed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm.layers
import timm.loss
import timm.models
import timm.optim
import timm.utils
import torch
from recorded_steps import CpuRecorder
from run_samples import assert_graphs_resume, command, equal, needs, quick, torchrun, weights
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import swa_utils

import pixmix
from mixset._common.decoding import read_image
from mixset._common.errors import InputError
from pixmix._augment.crops import random_resized_crop
from pixmix._augment.draws import Key
from pixmix._common.normalized import Normalized
from pixmix.methods._base import Method, StepKey
from pixmix.train._data.datasets import load_data
from pixmix.train._runs import checkpoints
from pixmix.train._runs.config import TrainConfig
from pixmix.train._training.batches import Batch, TrainingSet
from pixmix.train._training.optimizer import make_optimizer, set_rate
from pixmix.train._training.run import train
from pixmix.train._training.step import Step, smoothed
from pixmix.train._training.synced import synced

pytestmark = pytest.mark.usefixtures("one_thread")
OPTIONS: dict[str, dict[str, Any]] = {
    "adamw": {"optimizer": "adamw", "lr": 0.002},
    "warmup": {"warmup": 1.5},
    "label_smoothing": {"label_smoothing": 0.1},
    "ema": {"ema_decay": 0.9},
    "decay": {"decay_norms": False, "weight_decay": 0.05, "optimizer": "adamw", "lr": 0.002},
    "drop_path": {"drop_path": 0.5, "network": "timm:test_resnet"},
    "sizes": {"sizes": (24, 40), "size": 65},
}

WITHOUT_SIZES = [name for name in OPTIONS if name != "sizes"]


@pytest.mark.parametrize("option", [*WITHOUT_SIZES, pytest.param("sizes", marks=pytest.mark.slow)])
def test_broken_runs_are_resumed_by_graphs_or_without(
    colours: Path, tmp_path: Path, steps_left: list[int], recorded: type[CpuRecorder], option: str
) -> None:
    """And end with the weights of one that nothing disturbed, which no graph has touched."""
    changes = {**OPTIONS[option], "dropout": 0.3, "epochs": 3, "checkpoint_every": 1}
    assert_graphs_resume(colours, tmp_path, steps_left, changes)
    assert recorded.replayed > 8
    first = next(iter(OPTIONS[option]))
    train(quick(colours, tmp_path / "plain", **{**changes, first: getattr(TrainConfig(), first)}))
    assert not equal(weights(tmp_path / "whole"), weights(tmp_path / "plain"))


def network() -> Normalized:
    """Without a bias before the norm: its gradient is rounding alone, which Adam would make steps of."""
    torch.manual_seed(1)
    layers = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
    body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(4, 3))
    return Normalized(body, (0.5,) * 3, (0.5,) * 3)


def batches(count: int) -> Iterator[tuple[Tensor, Tensor]]:
    chance = torch.Generator().manual_seed(2)
    for _ in range(count):
        yield torch.rand(6, 3, 8, 8, generator=chance), torch.randint(3, (6,), generator=chance)


def steps_of(config: TrainConfig, trained: Normalized, rates: list[float]) -> Step:
    """Takes a step at each of the rates."""
    step = Step(config, trained, trained, Method(), classes=3)
    trained.train()
    for rate, (images, labels) in zip(rates, batches(len(rates)), strict=True):
        set_rate(step.optimizer, rate)
        step.take(images, labels, StepKey(seed=0, epoch=0, step=0))
    return step


@pytest.mark.parametrize("fused", [False, True])
def test_adamw_is_that_of_its_paper(fused: bool) -> None:
    """Loshchilov & Hutter, algorithm 2, in float64: the decay goes past the moments."""
    config = TrainConfig(optimizer="adamw", weight_decay=0.05)
    layer = nn.Linear(5, 2)
    optimizer = make_optimizer(config, layer, fused=fused)
    weight = layer.weight.detach().double()
    first, second = torch.zeros_like(weight), torch.zeros_like(weight)
    chance = torch.Generator().manual_seed(3)
    for number, rate in enumerate((0.01, 0.03, 0.002), 1):
        gradient = torch.randn(2, 5, generator=chance)
        layer.weight.grad, layer.bias.grad = gradient, torch.zeros(2)
        set_rate(optimizer, rate)
        optimizer.step()
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient.double() ** 2
        moved = first / (1 - 0.9**number) / ((second / (1 - 0.999**number)).sqrt() + 1e-8)
        weight = weight - rate * 0.05 * weight - rate * moved
    torch.testing.assert_close(layer.weight.detach().double(), weight, rtol=1e-6, atol=1e-7)


def test_adamw_takes_the_steps_of_torchs() -> None:
    ours, theirs = network(), network()
    rates = [0.01, 0.02, 0.005, 0.001]
    steps_of(TrainConfig(optimizer="adamw", weight_decay=0.05), ours, rates)
    optimizer = torch.optim.AdamW(theirs.parameters(), weight_decay=0.05)
    theirs.train()
    for rate, (images, labels) in zip(rates, batches(4), strict=True):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        functional.cross_entropy(theirs(images.to(memory_format=torch.channels_last)), labels).backward()
        optimizer.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_labels_are_smoothed_as_torch_and_timm_have_it(share: float) -> None:
    chance = torch.Generator().manual_seed(4)
    logits, labels = torch.randn(7, 5, generator=chance), torch.randint(5, (7,), generator=chance)
    soft = functional.softmax(torch.randn(7, 5, generator=chance), 1)
    for targets in (labels, soft):
        ours = functional.cross_entropy(logits, smoothed(targets, 5, share))
        torchs = functional.cross_entropy(logits, targets, label_smoothing=share)
        torch.testing.assert_close(ours, torchs, rtol=1e-6, atol=1e-6)
    timms = timm.loss.LabelSmoothingCrossEntropy(share)(logits, labels)
    torch.testing.assert_close(functional.cross_entropy(logits, smoothed(labels, 5, share)), timms)


@pytest.mark.parametrize("method", ["augmix", "oe", "rotpred", "regmixup", "adversarial-l2", "hybridaugmentpp-p"])
def test_every_loss_takes_smoothed_labels(colours: Path, mixing_folder: Path, tmp_path: Path, method: str) -> None:
    changes = needs(method, colours, mixing_folder)
    train(quick(colours, tmp_path / "smooth", **changes, label_smoothing=0.2))
    train(quick(colours, tmp_path / "plain", **changes))
    assert not equal(weights(tmp_path / "smooth"), weights(tmp_path / "plain"))


def test_averages_are_those_of_torch_and_timm() -> None:
    trained = network()
    step = steps_of(TrainConfig(ema_decay=0.8), trained, [])
    assert step.averages is not None
    torchs = swa_utils.AveragedModel(trained, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.8), use_buffers=True)
    torchs.update_parameters(trained)  # its first one is a copy
    timms = timm.utils.ModelEmaV3(trained, decay=0.8)
    trained.train()
    for images, labels in batches(5):
        step.take(images, labels, StepKey(seed=0, epoch=0, step=0))
        torchs.update_parameters(trained)
        timms.update(trained)
    for name, value in step.averages.network.state_dict().items():
        assert name.startswith(("mean", "std")) or not torch.equal(value, network().state_dict()[name]), name
        torch.testing.assert_close(value, timms.module.state_dict()[name], rtol=1e-6, atol=1e-7)
        if value.is_floating_point():
            torch.testing.assert_close(value, torchs.module.state_dict()[name], rtol=1e-6, atol=1e-7)


def test_what_is_measured_kept_and_loaded_is_the_average(colours: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    metrics = train(quick(colours, run, epochs=2, ema_decay=0.5))
    state = checkpoints.load(checkpoints.list_checkpoints(run)[0])
    assert equal(weights(run), state["ema"]) and not equal(state["ema"], state["model"])
    assert metrics is not None
    entry = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    assert metrics["clean"]["error"]["value"] == pytest.approx(entry["test_error"])
    (run / "weights.safetensors").unlink()  # as of a run that goes on
    assert equal(dict(pixmix.load(run).body.state_dict()), state["ema"])


def test_norms_and_biases_are_left_out_of_the_decay_as_by_timm() -> None:
    body = timm.models.VisionTransformer(img_size=8, patch_size=4, embed_dim=8, depth=1, num_heads=1, num_classes=3)
    trained = Normalized(body, (0.5,) * 3, (0.5,) * 3)
    timms = timm.optim.param_groups_weight_decay(body, 0.05, no_weight_decay_list=body.no_weight_decay())
    for optimizer in ("sgd", "adamw"):
        config = TrainConfig(decay_norms=False, weight_decay=0.05, optimizer=optimizer)
        groups = make_optimizer(config, trained, fused=False).param_groups
        for own, other in zip(groups, timms, strict=True):
            assert own["weight_decay"] == other["weight_decay"]
            assert {*map(id, own["params"])} == {*map(id, other["params"])}
    assert len(make_optimizer(TrainConfig(), trained, fused=False).param_groups) == 1


ALL = ("--optimizer", "adamw", "--lr", "0.002", "--warmup", "0.5", "--label-smoothing", "0.1", "--ema-decay", "0.8")


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one_with_all_options(colours: Path, tmp_path: Path) -> None:
    """With statistics of whole batches, the uneven last one's (45 = 5·8 + 5), too; weights are averages of all steps.

    Without them the statistics, and so the weights, are others.
    """
    more = (*ALL, "--no-decay-norms", "--suite", "clean", "--workers", "0")
    done = torchrun(tmp_path, *command(colours, tmp_path / "two", *more, "--sync-bn")[1:])
    assert done.returncode == 0, done.stderr
    changes = {**OPTIONS["adamw"], "warmup": 0.5, "label_smoothing": 0.1, "ema_decay": 0.8, "decay_norms": False}
    train(quick(colours, tmp_path / "one", epochs=2, **changes))
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-4)


def test_a_batch_normalisation_that_does_more_is_refused() -> None:
    with pytest.raises(InputError, match=r"^sync_bn: 0 of the network is a BatchNormAct2d"):
        synced(nn.Sequential(timm.layers.BatchNormAct2d(3)), torch.device("cpu"))


def test_sizes_are_those_of_their_epochs_and_crops_the_same_parts(
    colours: Path, mixing_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the baseline's images, whose last batch is of 5; with a mixing set it is one of that side."""
    seen: list[tuple[int, Tensor, np.ndarray]] = []
    inputs = TrainingSet.inputs

    def noted(self: TrainingSet, epoch: int, batch: Batch) -> Tensor:
        seen.append((epoch, inputs(self, epoch, batch), batch.indices.numpy()))
        return seen[-1][1]

    changes = {"size": 65, "epochs": 3, "sizes": (24, 40)}
    train(quick(colours, tmp_path / "a", **changes, **needs("pixmix", colours, mixing_folder)))
    monkeypatch.setattr(TrainingSet, "inputs", noted)
    train(quick(colours, tmp_path / "b", **changes, workers=1))
    sides = [(epoch, images.shape[2]) for epoch, images, _ in seen[3:]]  # 3: those that are drawn at the start
    assert sides == [(0, 24)] * 6 + [(1, 24)] * 6 + [(2, 40)] * 6
    files = load_data(f"folder:{colours}", size=65, folder=tmp_path, subset=None, test_subset=None).train.files
    for epoch, images, indices in (seen[8], seen[-1]):
        whole = [read_image(files[index]) for index in indices]
        crops = random_resized_crop(whole, Key(seed=0, epoch=epoch), indices, size=images.shape[2])
        np.testing.assert_array_equal((images.numpy() * 255).round(), crops.transpose(0, 3, 1, 2))


def test_one_size_alone_is_the_size(colours: Path, tmp_path: Path) -> None:
    train(quick(colours, tmp_path / "a", size=65))
    train(quick(colours, tmp_path / "b", size=65, sizes=(65, 65)))
    assert equal(weights(tmp_path / "a"), weights(tmp_path / "b"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sizes": (24,)}, "is for folders of images larger than 64 px"),
        ({"sizes": (24,), "size": 65, "method": "rotpred"}, "the method rotpred has a state of its own"),
        ({"sizes": (24,), "size": 65, "network": "flat.py:make"}, "images of 24x24 px"),
    ],
)
def test_sizes_that_cannot_be_are_refused_before_the_run(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flat.py").write_text(
        "from torch import nn\n\n\ndef make(num_classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 65 * 65, num_classes))\n"
    )
    with pytest.raises(InputError, match=message):
        train(quick(colours, tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()


def test_the_test_after_each_epoch_is_in_mixed_precision_where_asked(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the measures at the end, which are two passes more over the test images; the weights are the same."""
    seen: list[bool] = []
    forward = Normalized.forward

    def noted(self: Normalized, images: Tensor) -> Tensor:
        if not self.training and len(images) == 30:
            seen.append(torch.is_autocast_enabled("cpu"))
        return forward(self, images)

    monkeypatch.setattr(Normalized, "forward", noted)
    for name, asked in (("on", True), ("off", False)):
        seen.clear()
        train(quick(colours, tmp_path / name, amp="bf16", epochs=2, test_amp=asked))
        assert seen[:2] == [asked] * 2 and not any(seen[2:]) and len(seen) > 2
    assert equal(weights(tmp_path / "on"), weights(tmp_path / "off"))
