"""The training loop: batches through the network, a checkpoint every so often, a test at each epoch's end."""

from __future__ import annotations

import contextlib
import copy
import itertools
import math
import sys
import time
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mixset._common.errors import InputError, reading
from mixset._common.progress import Progress, duration
from pixmix._common.distributed import all_gather
from pixmix._common.normalized import Normalized
from pixmix._evaluators.forwarding import autocast, to_device
from pixmix._evaluators.image_sets import ImageSet
from pixmix.methods._base import Method, StepKey

from .._data.labelled import TrainingData
from .._runs import checkpoints
from .._runs.config import TrainConfig
from .._runs.processes import Processes
from .._runs.run_folder import RunFolder
from .batches import Batch, BatchPlan, TrainingSet, batches, training_loader
from .feed import Feed
from .graph import CudaRecorder, GraphedSteps, NotGraphable, check_graph
from .optimizer import kept_state, set_rate, take_up
from .step import Step, random_states, restore_random_states

PLAIN_EPOCHS = 2**31
"""The first of the epochs in whose order methods get batches beside the training's."""
FLOOR = 1e-6
"""The learning rate that the cosine ends at (the paper's code)."""


def learning_rate(step: int, steps: int, lr: float) -> float:
    """The cosine from `lr` at step 0 to 1e-6 at step `steps`, as the paper's code has it."""
    floor = FLOOR / lr
    return lr * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * step / steps)))


class Training:
    """A run's state, and the steps that carry it on; `run` goes from wherever it stands to the last epoch."""

    def __init__(
        self,
        config: TrainConfig,
        data: TrainingData,
        network: Normalized,
        method: Method,
        folder: RunFolder,
        processes: Processes,
    ) -> None:
        self.config, self.data, self.method, self.folder, self.processes = config, data, method, folder, processes
        self.device = processes.device
        # Channels last is what GPUs with tensor cores want, and a third faster on CPUs.
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self.body = self.network.body
        self.trained = self._extended()
        """What steps go through: the network, or that with what the method adds to it."""
        self.step = Step(config, self.network, self.trained, method, classes=len(data.classes))
        self.graphed = check_graph(config, self.device, processes.world, method)
        self.plan = BatchPlan(
            len(data.train), config.batch_size, seed=config.seed, rank=processes.rank, world=processes.world
        )
        self.training_set = TrainingSet(data.train, method, seed=config.seed, flip=data.flip, device=self.device)
        self.feed = Feed(self.training_set, self.plan)
        self.graphs: GraphedSteps | None = None
        """What takes full batches, while the run goes; None: each step is run by Python."""
        self.epoch = self.position = 0
        self.seconds = 0.0
        """What the epoch took up to the last checkpoint in it."""

    def run(self) -> None:
        """Train to the end; a checkpoint is there after each epoch and every `checkpoint_every` steps."""
        if self.epoch == self.config.epochs:
            return
        parallel: nn.Module = self.trained
        if self.processes.world > 1:
            ids = [self.device.index] if self.device.type == "cuda" else None
            parallel = DistributedDataParallel(self.trained, device_ids=ids)
        if self.config.compile:
            parallel = cast(nn.Module, torch.compile(parallel))
        self.step.forward = parallel
        if self.graphed:
            self.graphs = GraphedSteps(self.step, CudaRecorder(self.device))
        loader = training_loader(self.training_set, self.plan, workers=self.config.workers)
        count = len(self.data.train)
        done = self.epoch * count + min(self.position * self.config.batch_size, count)
        with Progress(self.config.epochs * count, "images", initial=done, quiet=not self.processes.leads) as progress:
            while self.epoch < self.config.epochs:
                self._run_epoch(loader, progress)

    def _run_epoch(self, loader: Any, progress: Progress) -> None:
        start, config = time.monotonic() - self.seconds, self.config
        self.plan.set_epoch(self.epoch, self.position)
        self.trained.train()
        if self.position == 0:
            with self.step.autocast():
                self.method.before_epoch(self.network, self._plain_batches, key=self._key())
        for batch in batches(loader):
            with _step_refused(config):
                self._step(batch)
            progress.advance(self.plan.global_batch(self.position))
            self.position += 1
            if self.position % config.checkpoint_every == 0 and self.position < self.plan.steps:
                self.seconds = time.monotonic() - start
                self.save()
        (loss,) = self.processes.total(self.step.loss_sum.item())
        loss /= self.plan.steps * self.processes.world
        if not math.isfinite(loss):
            raise InputError(f"the loss is not finite in epoch {self.epoch + 1}: lower `lr`, which is {config.lr:g}")
        error = self.test()
        self.epoch, self.position, self.seconds = self.epoch + 1, 0, 0.0
        self.step.loss_sum.zero_()
        seconds = time.monotonic() - start
        noted, words = self.method.on_epoch(self.epoch, seconds)
        if self.processes.leads:
            entry = {"epoch": self.epoch, "loss": loss, "test_error": error, "lr": self._lr()}
            self.folder.append({**entry, "seconds": round(seconds, 3), **noted})
            progress.say(
                f"epoch {self.epoch}/{config.epochs}: loss {loss:.3f}, test error {error:.1%}, {duration(seconds)}"
                + (f", {words}" if words else "")
            )
        self.save()

    def _extended(self) -> nn.Module:
        body = self.method.extend(self.body)
        if body is self.body:
            return self.network
        if not isinstance(body, nn.Module) or not any(module is self.body for module in body.modules()):
            raise InputError(f"method {self.config.method}: its extend must return a module that contains the network")
        return Normalized(body, self.data.mean, self.data.std).to(self.device).to(memory_format=torch.channels_last)

    def _lr(self) -> float:
        steps = self.plan.steps
        return learning_rate(self.epoch * steps + self.position, self.config.epochs * steps, self.config.lr)

    def _key(self) -> StepKey:
        return StepKey(seed=self.config.seed, epoch=self.epoch, step=self.position, rank=self.processes.rank)

    def _plain_batches(self, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        """So many batches of training images, cropped and flipped alone, in orders that no epoch of training has."""
        training_set = TrainingSet(
            self.data.train, Method(), seed=self.config.seed, flip=self.data.flip, device=self.device
        )
        plan = copy.copy(self.plan)
        loader = training_loader(training_set, plan, workers=self.config.workers)
        for number in range(math.ceil(steps / plan.steps)):
            epoch = PLAIN_EPOCHS + self.epoch * 2**16 + number
            plan.set_epoch(epoch)
            for batch in itertools.islice(batches(loader), steps - number * plan.steps):
                yield training_set.inputs(epoch, batch), batch.labels.to(self.device, non_blocking=True)

    def _step(self, batch: Batch) -> None:
        self.method.on_step(self.body)
        images, labels = self.feed.of(self.epoch, self.position, batch)
        set_rate(self.step.optimizer, self._lr())
        if self.graphs is not None and len(labels) == self.config.batch_size:
            try:
                self.graphs.take(images, labels, self._key())
                return
            except NotGraphable as error:
                self._without_graphs(error)
        self.step.forward.train()
        self.step.take(images, labels, self._key(), self.plan.weight(self.position))

    def _without_graphs(self, why: NotGraphable) -> None:
        if self.config.graph == "on":
            raise InputError(f"graph on: a step of this network cannot be one ({why}); leave `graph` out") from None
        print(f"steps are not taken as CUDA graphs: {why}", file=sys.stderr)
        self.graphs = None

    def sample(self, epoch: int, indices: np.ndarray) -> Tensor:
        """What the network would see of some images, (V · N, 3, H, W); the method is as it was afterwards."""
        before = copy.deepcopy(self.method.state_dict())
        batch = self.training_set.batch(epoch, indices)
        key = StepKey(seed=self.config.seed, epoch=epoch, step=0)
        self.network.train()
        images, _ = self.method.batch(
            self.training_set.inputs(epoch, batch),
            batch.labels.to(self.device),
            network=self.network,
            key=key,
            classes=len(self.data.classes),
        )
        self.method.load_state_dict(before)
        return images

    @torch.no_grad()
    def test(self) -> float:
        """The clean error of the network as it is, the images shared out over the processes."""
        self.network.eval()
        self.processes.level(self.network)
        wrong = torch.zeros((), dtype=torch.int64, device=self.device)
        share = self.data.test.share(self.processes.rank, self.processes.world)
        if len(share):
            images = ImageSet(share.labelled, workers=self.config.workers)
            with autocast(self.device, self.config.eval_precision):
                for batch in images.batches(self.config.eval_batch_size):
                    predictions = self.network(to_device(batch.images, self.device)).argmax(1)
                    wrong += (predictions != torch.from_numpy(batch.labels).to(self.device, non_blocking=True)).sum()
        return self.processes.total(wrong.item())[0] / len(self.data.test)

    def save(self) -> None:
        """Write the checkpoint; every process takes part, since each has something of its own in it."""
        own = {
            "random_states": random_states(self.device),
            "method": self.method.state_dict(),
            "loss_sum": self.step.loss_sum.item(),
        }
        processes = all_gather(own)
        if self.processes.leads:
            checkpoints.save(
                {
                    "model": self.body.state_dict(),
                    **({} if self.trained is self.network else {"extended": self.trained.state_dict()}),
                    "optimizer": kept_state(self.step.optimizer),
                    "scaler": self.step.scaler.state_dict(),
                    "epoch": self.epoch,
                    "position": self.position,
                    "seconds": self.seconds,
                    "processes": processes,
                    "threads": torch.get_num_threads(),
                    "log_size": self.folder.log_size(),
                },
                self.folder.checkpoint,
            )

    def load(self) -> None:
        """Take up the run folder's checkpoint; without one the run begins anew, and so does its log."""
        if not self.folder.checkpoint.exists():
            if self.processes.leads:
                self.folder.cut_log(0)
            return
        state = checkpoints.load(self.folder.checkpoint)
        with reading(f"checkpoint {self.folder.checkpoint}", "begin anew with another `out`"):
            self._take_up(state)

    def _take_up(self, state: dict[str, Any]) -> None:
        self.body.load_state_dict(state["model"])
        if self.trained is not self.network:
            self.trained.load_state_dict(state["extended"])
        take_up(self.step.optimizer, state["optimizer"])
        self.step.scaler.load_state_dict(state["scaler"])
        self.epoch, self.position, self.seconds = state["epoch"], state["position"], float(state["seconds"])
        for name, value, most in (
            ("epoch", self.epoch, self.config.epochs),
            ("position", self.position, self.plan.steps),
        ):
            if type(value) is not int or not 0 <= value <= most:
                raise ValueError(f"{name} {value!r} of {most}")
        everyone = state["processes"]
        if len(everyone) != self.processes.world:
            raise InputError(
                f"run folder {self.folder.path}: was trained by {len(everyone)} processes, not {self.processes.world}; "
                "go on with as many"
            )
        own = everyone[self.processes.rank]
        self.method.load_state_dict(own["method"])
        self.step.loss_sum.fill_(own["loss_sum"])
        if self.config.threads is None:
            torch.set_num_threads(state["threads"])
        if self.processes.leads:
            self.folder.cut_log(state["log_size"])
        restore_random_states(own["random_states"], self.device)


@contextlib.contextmanager
def _step_refused(config: TrainConfig) -> Iterator[None]:
    """One line in place of torch's traceback where a step does not fit into memory, or where batch normalisation is
    left with one value a channel."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise InputError(
            f"batch_size {config.batch_size}: a training step does not fit into the memory of the device; give a "
            "smaller `batch_size`, or free the device of what else is on it"
        ) from None
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise InputError(
            f"network {config.network}: a process has one image in a step, too few for its batch normalisation; "
            f"raise `batch_size` from {config.batch_size} to at least 2 for each process, or give more images"
        ) from error
