"""The training program: from a config to a run folder with weights and measures."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pixmix
from mixset import MixingPool, MixingSet
from mixset._common.errors import InputError
from mixset.generate._fvis import need_lucent
from mixset.generate._networks.spec import NetworkSpec, network_spec, torchvision_names
from pixmix._common.normalized import Normalized
from pixmix._evaluators.suites import EVALUATORS, check_suites
from pixmix.methods import MethodRow, compose, find_parts, find_row, make_part
from pixmix.methods._base import Method, Setting
from pixmix.methods._outlier_sets import load_outliers

from .._data.datasets import load_data, with_copies
from .._data.labelled import TrainingData
from .._data.mixing_sets import mixing_set
from .._figures.figures import draw_training
from .._runs import checkpoints
from .._runs.config import TrainConfig
from .._runs.method_settings import check_given, check_needed, usual_outliers
from .._runs.processes import (
    Processes,
    precision,
    processes,
    restarted,
    seed_dropout,
    seed_generators,
    torch_state_kept,
)
from .._runs.records import read_metrics
from .._runs.run_folder import RunFolder, owned, write_json
from .._runs.stopping import stop_request
from .._runs.trials import try_network
from .graph import check_graph
from .loop import Training
from .step_log import need_tensorboard


def train(config: TrainConfig) -> dict[str, Any] | None:
    """Train as `config` says, measure at the end, and leave everything in the run folder.

    Under `torchrun` each process calls this; the first one writes. One that torchrun has restarted resumes.

    SIGTERM and SIGUSR1, where this is the main thread, end the run with a checkpoint: SystemExit with code 75.

    Returns:
        The content of `metrics.json`; None in processes other than the first.

    Raises:
        InputError: anything in the config that cannot be, found as early as possible; nothing is lost.
    """
    config = replace(config, resume=config.resume or restarted())
    folder = RunFolder(config.folder)
    if config.resume and folder.metrics.exists() and not folder.goes_further(config):
        folder.check(config)
        return read_metrics(folder.metrics)
    check_given(config, begun=config.resume and folder.config.exists())
    check_needed(config)
    parts = [find_row(part) for part in find_parts(config.method)]
    known = [name for name, row in EVALUATORS.items() if not row.of_set]
    for name in config.suite:
        if name not in known:
            other = "; `pixmix evaluate RUN` measures it" if name in EVALUATORS else ""
            raise InputError(f"suite {name}: at the end of a training there are {', '.join(known)}{other}")
    with (
        processes(config.device) as joined,
        torch_state_kept(joined.device),
        stop_request(alone=joined.world == 1) as stop,
        contextlib.ExitStack() as stack,
    ):
        mine = replace(joined, stop=stop)
        if config.threads is not None:
            torch.set_num_threads(config.threads)

        def own() -> None:
            stack.enter_context(owned(folder.path, "run folder"))
            folder.check(config)

        mine.led(own)
        return _finish(config, folder, _trained(config, parts, folder, mine), mine)


def _trained(config: TrainConfig, parts: Sequence[MethodRow], folder: RunFolder, mine: Processes) -> Training:
    """Look at everything that the run needs, what takes longest last, then train it to the end."""
    precision(config.amp, mine.device)
    check_graph(config, mine.device, mine.world)
    if "iterative" in find_parts(config.method):
        need_lucent()
    if config.tensorboard:
        need_tensorboard()
    data = _data(config)
    check_suites(config.suite, (len(data.test), data.size, data.size))
    spec = network_spec(config.network, classes=len(data.classes), dropout=config.dropout, drop_path=config.drop_path)
    data = _normalised(data, spec)
    outliers = _outliers(config, parts, data.size)
    seed_generators(config.seed, mine.device)
    network = start_network(config, spec, data, quiet=not mine.leads)
    images = mixing_set(config.mixing_set, config.weights, data.size) if config.mixing_set else None
    method = _method(config, data, _setting(config, data, data.size, images, outliers), network, folder, mine)

    def remade(size: int) -> Method:
        setting = _setting(config, data, size, images, _outliers(config, parts, size))
        return _method(config, data, setting, network, folder, mine)

    # After the weights, which are the same everywhere, each process draws its own dropout.
    seed_dropout(config.seed, mine)
    training = Training(config, data, network, method, folder, mine, remade)

    def begin() -> None:
        folder.begin(config, spec, data, mine.world)
        draw_training(training, images, folder.path)

    mine.led(begin)
    if config.resume:
        training.load()
    training.run()
    return training


def training_data(config: TrainConfig) -> TrainingData:
    """The data set that a config names, of the size and the number of images that it says."""
    return load_data(
        config.dataset,
        size=config.size,
        folder=config.data_folder,
        subset=config.subset,
        test_subset=config.test_subset,
        skip_broken=config.skip_broken,
    )


def _normalised(data: TrainingData, spec: NetworkSpec) -> TrainingData:
    """The data set with the mean and standard deviation of its images that the network is made for."""
    found = spec.normalisation()
    return data if found is None else replace(data, mean=found[0], std=found[1])


def _data(config: TrainConfig) -> TrainingData:
    data = training_data(config)
    if config.copies is None:
        return data
    return with_copies(data, config.copies, skip_broken=config.skip_broken)


def _outliers(config: TrainConfig, parts: Sequence[MethodRow], size: int) -> np.ndarray | None:
    if not any(part.needs_outliers for part in parts):
        return None
    return load_outliers(config.outliers or usual_outliers(config), size)


def _setting(
    config: TrainConfig, data: TrainingData, size: int, images: MixingSet | None, outliers: np.ndarray | None
) -> Setting:
    """What methods are made for; `size` is the side of the training images."""
    return Setting(
        classes=len(data.classes),
        size=(size, size),
        mean=data.mean,
        std=data.std,
        settings=config,
        pool=None if images is None else MixingPool(images, size),
        outliers=outliers,
    )


def _method(
    config: TrainConfig, data: TrainingData, setting: Setting, network: Normalized, folder: RunFolder, mine: Processes
) -> Method:
    made: list[Method] = []
    for part in find_parts(config.method):
        if part == "iterative":
            from .iterative import Iterative  # lucent takes seconds to import

            made.append(Iterative(config, data, network.body, folder, mine))
        else:
            made.append(make_part(part, setting))
    return compose(config.method, made)


def start_network(config: TrainConfig, spec: NetworkSpec, data: TrainingData, *, quiet: bool) -> Normalized:
    """The network as training begins with it, tried on noise; `quiet` says nothing of a head that starts anew."""
    body = spec.build()
    if config.init is not None:
        weights = (
            _torchvision_weights(spec) if config.init == "torchvision" else checkpoints.read_weights(Path(config.init))
        )
        left = checkpoints.load_into(body, weights, f"init {config.init}", classes=len(data.classes))
        if left and not quiet:
            print(f"init {config.init}: is of other classes, so {', '.join(left)} start anew", file=sys.stderr)
    network = Normalized(body, data.mean, data.std)
    try_network(network, data.size, len(data.classes), training=True)
    return network


def _torchvision_weights(spec: NetworkSpec) -> dict[str, torch.Tensor]:
    import torchvision.models

    if spec.name not in torchvision_names():
        raise InputError("init torchvision: has weights for networks of torchvision only; name one with `network`")
    # The first ImageNet weights where there are several: those the paper's baseline has, and starts from.
    known = torchvision.models.get_model_weights(spec.name)
    weights = known.__members__.get("IMAGENET1K_V1", known.DEFAULT)
    try:
        return dict(weights.get_state_dict(progress=False, check_hash=True))
    except OSError as error:
        raise InputError(
            f"init torchvision: {weights.url} cannot be fetched ({error}); fetch it elsewhere and give its path, "
            f"or put it into {Path(torch.hub.get_dir()) / 'checkpoints'}"
        ) from None


def _finish(config: TrainConfig, folder: RunFolder, training: Training, mine: Processes) -> dict[str, Any] | None:
    """Weights, then measures by all processes; `metrics.json` comes last and marks the run as ended."""
    if mine.leads:
        checkpoints.write_weights(training.measured.body.state_dict(), folder.weights)
    measured = pixmix.evaluate(
        training.measured,
        config.suite,
        training.data.test.labelled,
        batch_size=config.eval_batch_size,
        device=mine.device,
        seed=config.seed,
        logits_folder=folder.logits,
        workers=training.workers,
        progress=True,
        precision=config.eval_precision,
    )
    if not mine.leads:
        return None
    about = {"stored": training.data.stored} if training.data.stored else {}
    metrics = {"dataset": training.data.name, **about, "method": config.method, "epochs": config.epochs, **measured}
    write_json(folder.metrics, metrics)
    return metrics
