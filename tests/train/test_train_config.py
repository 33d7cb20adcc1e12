"""Configs: recipes are the paper's, bad values are named, a command rebuilds a config."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR

from mixset._common.errors import InputError
from mixset._common.parsing import parse
from pixmix._augment.settings import PixMixSettings
from pixmix.train._command.configs import option
from pixmix.train._runs.commands import command
from pixmix.train._runs.config import RECIPES, TrainConfig, recipe
from pixmix.train._runs.processes import choose_device, processes
from pixmix.train._training.schedule import learning_rate


def test_the_default_is_the_papers_cifar_recipe() -> None:
    config = TrainConfig()
    assert recipe("cifar") == config
    assert (config.network, config.dropout, config.epochs, config.batch_size) == ("wrn-40-4", 0.3, 100, 128)
    assert (config.lr, config.momentum, config.weight_decay) == (0.1, 0.9, 5e-4)
    assert (config.mix.k, config.mix.beta, config.mix.aug_severity, config.mix.all_ops) == (4, 3, 3, True)


def test_iterative_visualises_as_its_page_says() -> None:
    """README and docs: a pool of 512, 64 units every 50 steps, 32 steps of the optimiser."""
    iterative = TrainConfig().iterative
    assert (iterative.size, iterative.batch, iterative.every, iterative.steps) == (512, 64, 50, 32)
    assert (iterative.lr, iterative.budget) == (0.15, None)
    assert replace(iterative, size=64).size == 64
    with pytest.raises(InputError, match=r"iterative\.batch 64: the pool holds"):
        replace(iterative, size=63)


def test_the_imagenet_recipe_is_the_papers() -> None:
    config = recipe("imagenet")
    assert (config.network, config.epochs, config.batch_size, config.lr) == ("resnet50", 90, 256, 0.01)
    assert (config.mix.k, config.mix.beta, config.mix.aug_severity) == (4, 4, 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lr", float("nan")),
        ("lr", 0.0),
        ("epochs", 0),
        ("batch_size", -1),
        ("momentum", 1.0),
        ("dropout", float("inf")),
        ("workers", -1),
        ("size", 4),
        ("threads", 0),
        ("seed", -1),
        ("seed", 2**64),
        ("seed", 2**70),
        ("seed", 1.5),
        ("epochs", 10**30),
        ("epochs", True),
        ("batch_size", 10**12),
        ("lr", 1e300),
        ("weight_decay", float("inf")),
        ("warmup", -1.0),
        ("label_smoothing", 1.0),
        ("drop_path", 1.0),
        ("ema_decay", 1.0),
        ("sizes", (32, 4)),
        ("workers", 10**9),
        ("checkpoint_every", 0),
        ("eval_batch_size", 0),
        ("subset", 0),
        ("test_subset", -5),
        ("weights", (float("nan"),)),
    ],
)
def test_a_bad_value_is_named(field: str, value: float) -> None:
    with pytest.raises(InputError, match=f"^{field}: "):
        TrainConfig(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"), [("seed", 0), ("seed", 2**64 - 1), ("lr", 1e-9), ("dropout", 0), ("epochs", 1)]
)
def test_a_value_at_its_bound_is_taken(field: str, value: float) -> None:
    assert getattr(TrainConfig(**{field: value}), field) == value


@pytest.mark.parametrize(
    "device", ["meta", "tpu", "cpu:3", "cuda:-1", "cuda:99999999999999999999", "", "\x1b[31m", "mps:7"]
)
def test_a_device_that_is_none_is_named(device: str) -> None:
    with pytest.raises(InputError, match=r"^device "):
        choose_device(device)


@pytest.mark.parametrize("name", ["WORLD_SIZE", "RANK", "LOCAL_RANK"])
def test_a_launchers_number_that_is_none_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "two")
    with pytest.raises(InputError, match=f"the environment variable {name} is 'two', no number"), processes("cpu"):
        pass


def test_of_a_recipe_given_twice_the_last_one_counts() -> None:
    """As of every other flag."""
    assert option(["--recipe", "quick", "--recipe=slow"], "--recipe") == "slow"
    assert option(["--recipe"], "--recipe") is None


def test_weights_need_a_folder_each() -> None:
    with pytest.raises(InputError, match="2 numbers for 1 folders"):
        TrainConfig(mixing_set=("a",), weights=(0.5, 0.5))


def test_a_message_that_breaks_before_a_flag_stays_whole() -> None:
    """The frame around tyro's message wraps this one so that a line begins with --mixing-set."""
    with pytest.raises(InputError, match="0 folders of --mixing-set; give one each; see pixmix train --help"):
        parse(TrainConfig, "pixmix train", ["digits", "--weights", "1", "2"])


def test_an_unknown_recipe_gets_the_known_ones() -> None:
    with pytest.raises(InputError, match="cifar, imagenet, places365, vit-s, quick"):
        recipe("slow")


@pytest.mark.parametrize("name", RECIPES)
def test_the_command_on_the_page_rebuilds_the_config(name: str) -> None:
    start = recipe(name)
    config = TrainConfig(
        **{
            **vars(start),
            "method": "pixmix",
            "mixing_set": ("my set", "b"),
            "weights": (0.25, 0.75),
            "mix": PixMixSettings(k=2, all_ops=False),
            "epochs": 7,
            "suite": ("clean",),
        }
    )
    words = shlex.split(command(json.loads(json.dumps(config.to_json()))))
    assert words[:2] == ["pixmix", "train"]
    assert parse(TrainConfig, "pixmix train", words[2:], default=start) == config


def test_the_rate_falls_as_a_cosine_to_the_floor() -> None:
    config = TrainConfig(lr=0.1, epochs=10)
    assert learning_rate(0, 10, config) == pytest.approx(0.1)
    assert learning_rate(50, 10, config) == pytest.approx((0.1 + 1e-6) / 2)
    assert learning_rate(100, 10, config) == pytest.approx(1e-6)


@pytest.mark.parametrize("warmup", [0, 1.5, 5])
def test_the_rate_is_that_of_torchs_schedulers(warmup: float) -> None:
    config, steps = TrainConfig(lr=0.3, epochs=6, warmup=warmup), 10
    rising = round(10 * warmup)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.3)
    cosine = CosineAnnealingLR(optimizer, T_max=60 - rising, eta_min=1e-6)
    scheduler: LRScheduler = cosine
    if warmup:
        rise = LinearLR(optimizer, start_factor=0.01, total_iters=rising)
        scheduler = SequentialLR(optimizer, [rise, cosine], [rising])
    for step in range(60):
        assert learning_rate(step, steps, config) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6), step
        optimizer.step()
        scheduler.step()


def test_a_warm_up_leaves_something_of_the_run() -> None:
    with pytest.raises(InputError, match=r"^warmup 3: leaves none of the 3 epochs"):
        TrainConfig(epochs=3, warmup=3)


def test_the_recipe_of_places() -> None:
    """Table 9: a ResNet-18, 10 epochs; all else is ImageNet's."""
    config, imagenet = recipe("places365"), recipe("imagenet")
    assert (config.network, config.epochs, config.lr, config.batch_size) == ("resnet18", 10, 0.01, 256)
    assert (config.mix, config.dropout, config.weight_decay) == (imagenet.mix, 0.0, 5e-4)


def test_the_recipe_of_a_vision_transformer() -> None:
    """DeiT's: AdamW at 5e-4 for each 512 images, 300 epochs, 5 of warm-up, decay 0.05, smoothing and drop path 0.1."""
    config = recipe("vit-s")
    assert config.drop_path == 0.1 and {recipe(name).drop_path for name in RECIPES if name != "vit-s"} == {0.0}
    assert config.network == "timm:vit_small_patch16_224" and config.optimizer == "adamw"
    assert config.lr == pytest.approx(5e-4 * config.batch_size / 512)
    assert (config.epochs, config.warmup, config.weight_decay, config.decay_norms) == (300, 5, 0.05, False)
    assert (config.label_smoothing, config.ema_decay) == (0.1, 0.99996)
    assert config.mix == recipe("imagenet").mix
