"""What a checkpoint holds of a training, and a training that goes on from one, by as many processes or others."""

from __future__ import annotations

import math
import sys
from typing import Any

import torch
from torch import Tensor

from mixset._common.errors import reading
from pixmix._common.distributed import all_gather

from .._runs import checkpoints
from .._runs.processes import seed_dropout
from .batches import BatchPlan
from .optimizer import kept_state, take_up
from .state import TrainingState
from .step import random_states, restore_random_states
from .writing import copied


def save(training: TrainingState) -> bool:
    """Begin to write the checkpoint; every process takes part, since each has something of its own in it.

    Returns:
        False, in every process, where a loss or a weight is not finite: then nothing is written.
    """
    own: dict[str, Any] = {
        "random_states": random_states(training.device),
        "method": training.method.state_dict(),
        "loss_sum": training.step.loss_sum.item(),
        "skipped": training.broken.count,
    }
    processes = all_gather(own)
    # A step can ruin weights by a loss that was finite still.
    sums = all(math.isfinite(each["loss_sum"]) for each in processes)
    (ruined,) = training.processes.most(not (sums and _finite(training.trained.state_dict())))
    if ruined:
        return False
    training.processes.led(lambda: _start(training, processes))
    return True


def _start(training: TrainingState, processes: list[dict[str, Any]]) -> None:
    state = copied(_state(training, processes))
    training.writer.start(lambda: training.folder.keep(state, training.config.keep_checkpoints))


def _finite(tensors: dict[str, Any]) -> bool:
    numbers = [each for each in tensors.values() if isinstance(each, Tensor) and each.is_floating_point()]
    return not numbers or bool(torch.stack([each.isfinite().all() for each in numbers]).all())


def _state(training: TrainingState, processes: list[dict[str, Any]]) -> dict[str, Any]:
    averages = training.step.averages
    return {
        "model": training.body.state_dict(),
        **({} if training.trained is training.network else {"extended": training.trained.state_dict()}),
        **({} if averages is None else {"ema": averages.network.body.state_dict()}),
        "optimizer": kept_state(training.step.optimizer),
        "scaler": training.step.scaler.state_dict(),
        "epoch": training.epoch,
        "position": training.position,
        "seconds": training.seconds,
        "best": training.best,
        "processes": processes,
        "threads": torch.get_num_threads(),
        "log_size": training.folder.log_lines.size(),
        "steps_size": training.folder.steps.size(),
    }


def load(training: TrainingState) -> None:
    """Take up the run folder's newest whole checkpoint; without one the run begins anew, and so does its log."""
    path = training.processes.led(training.folder.newest)
    if path is None:
        if training.processes.leads:
            training.folder.log_lines.cut(0)
            training.folder.steps.cut(0)
        return
    state = checkpoints.load(path)
    with reading(f"checkpoint {path}", "begin anew with another `out`"):
        _take_up(training, state)


def _take_up(training: TrainingState, state: dict[str, Any]) -> None:
    training.body.load_state_dict(state["model"])
    if training.trained is not training.network:
        training.trained.load_state_dict(state["extended"])
    if training.step.averages is not None:
        training.step.averages.network.body.load_state_dict(state["ema"])
    take_up(training.step.optimizer, state["optimizer"])
    training.step.scaler.load_state_dict(state["scaler"])
    everyone, world, rank = state["processes"], training.processes.world, training.processes.rank
    plan = BatchPlan(
        len(training.data.train), training.config.batch_size, seed=training.config.seed, world=len(everyone)
    )
    for name, value, most in (
        ("epoch", state["epoch"], training.config.epochs),
        ("position", state["position"], plan.steps),
    ):
        if type(value) is not int or not 0 <= value <= most:
            raise ValueError(f"{name} {value!r} of {most}")
    training.epoch, training.position, training.seconds = state["epoch"], state["position"], float(state["seconds"])
    training.best = float(state.get("best", math.inf))
    own = everyone[rank % len(everyone)]
    training.method.load_state_dict(own["method"])
    training.step.loss_sum.fill_(math.fsum(each["loss_sum"] for each in everyone) / len(everyone))
    training.broken.count = own.get("skipped", 0)
    if training.config.threads is None:
        torch.set_num_threads(state["threads"])
    if training.processes.leads:
        training.folder.log_lines.cut(state["log_size"])
        training.folder.steps.cut(state.get("steps_size", 0))
    if len(everyone) == world:
        training.step.loss_sum.fill_(own["loss_sum"])
        restore_random_states(own["random_states"], training.device)
    else:
        _by_others(training, plan, len(everyone))


def _by_others(training: TrainingState, before: BatchPlan, world: int) -> None:
    """Go on where another number of processes stopped: order, crops and mixing are functions of (seed, epoch, index),
    dropout is not."""
    config, mine = training.config, training.processes
    steps = training.epoch * before.steps + training.position
    seed_dropout(config.seed, mine, steps=steps)
    left_out = 0
    if training.position == before.steps:
        training.position = training.plan.steps  # the last batch may have been cut in two
    elif training.position >= training.plan.steps:  # or be one with the batch before it, which has been taken
        left_out = before.count - training.position * before.size
        training.position = training.plan.steps
    if mine.leads:
        print(
            f"{training.folder.path}: is resumed by {mine.world} processes after {world}: with the same images in the "
            "same order and the same augmentation, but dropout is drawn anew and sums are rounded otherwise, so not "
            f"bit for bit{f'; the last {left_out} images of this epoch are left out' if left_out else ''}",
            file=sys.stderr,
        )
