"""What a run's steps change, and what they work with."""

from __future__ import annotations

import math
import time

import torch

from pixmix._common.normalized import Normalized
from pixmix.methods._base import Method

from .._data.labelled import TrainingData
from .._runs.config import TrainConfig
from .._runs.processes import Processes, loader_workers
from .._runs.run_folder import RunFolder
from .batches import BatchPlan, TrainingSet
from .broken import BrokenImages
from .step import Step, extended
from .synced import synced
from .watch import LossWatch
from .writing import Writer


class TrainingState:
    """A run where it stands: its network, its data, and how far it has got."""

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
        self.trained = extended(self.network, data, method, config)
        """What steps go through: the network, or that with what the method adds to it."""
        if config.sync_bn and processes.world > 1:
            self.trained = synced(self.trained, self.device)
        self.step = Step(config, self.network, self.trained, method, classes=len(data.classes))
        self.plan = BatchPlan(
            len(data.train), config.batch_size, seed=config.seed, rank=processes.rank, world=processes.world
        )
        self.training_set = TrainingSet(
            data.train, method, seed=config.seed, flip=data.flip, device=self.device, broken=data.broken
        )
        self.workers = loader_workers(config.workers, self.device)
        self.epoch = self.position = 0
        self.seconds = 0.0
        """What the epoch took up to the last checkpoint in it."""
        self.start = self.saved = time.monotonic()
        """When the last checkpoint was written, or the run began."""
        self.watch = LossWatch(self.step.loss_sum)
        self.best = math.inf
        """The lowest test error of an epoch so far, where the run looks for it."""
        self.broken = BrokenImages(skip=config.skip_broken, alone=processes.world == 1)
        self.broken.name(data.broken, quiet=not processes.leads)
        self.writer = Writer()
        """Of checkpoints, in the first process."""

    @property
    def measured(self) -> Normalized:
        """The network whose errors count: the average of the trained ones, where the run has one."""
        return self.network if self.step.averages is None else self.step.averages.network
