"""The training loop: batches through the network, a checkpoint every so often, a test at each epoch's end."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mixset._common.errors import InputError
from mixset._common.progress import Progress, duration
from pixmix._common.distributed import all_gather
from pixmix._common.normalized import Normalized
from pixmix.methods._base import Method, StepKey

from .._data.labelled import TrainingData
from .._runs.checkpoints import write_weights
from .._runs.config import TrainConfig
from .._runs.processes import Processes
from .._runs.run_folder import RunFolder
from .._runs.stopping import Stopped
from . import saving
from .agreement import Agreed, Agreement
from .batches import Batch
from .feed import Feed
from .graph import CudaRecorder, GraphedSteps, NotGraphable, check_graph, without_graphs
from .loader import Loader, training_loader
from .optimizer import set_rate
from .plain import plain_batches
from .refusals import not_finite, step_refused
from .schedule import learning_rate
from .sizes import Remake, at_side, check_sizes, side_at
from .state import TrainingState
from .step_log import StepLog
from .testing import EpochTest


class Training(TrainingState):
    """A run's state, and the steps that carry it on; `run` goes from wherever it stands to the last epoch."""

    log: StepLog | None = None
    graphs: GraphedSteps | None = None
    """What takes full batches, while the run goes; None: each step is run by Python."""

    def __init__(
        self,
        config: TrainConfig,
        data: TrainingData,
        network: Normalized,
        method: Method,
        folder: RunFolder,
        processes: Processes,
        remake: Remake,
    ) -> None:
        self.graphed = check_graph(config, processes.device, processes.world, method)
        super().__init__(config, data, network, method, folder, processes)
        self.remake = remake
        check_sizes(config, self.training_set, network, extended=self.trained is not network)
        self.feed = Feed(self.training_set, self.plan)
        self.tester = EpochTest(self)
        self.agreement = Agreement(processes)

    def run(self) -> None:
        """Train to the end; a checkpoint is there after each epoch, every `checkpoint_every` steps and every
        `checkpoint_minutes` minutes.

        Raises:
            Stopped: the processes were asked to stop, and have left a checkpoint.
            InputError: the loss is not finite, or an image cannot be read.
        """
        with self.processes.stop.waiting():
            try:
                self._run()
            finally:
                self.writer.join()

    def _run(self) -> None:
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
        if self.config.log_steps or self.config.tensorboard:
            self.log = StepLog(self)
            self.watch.told = self.log.note
        count, epochs = len(self.data.train), self.config.epochs
        done = self.epoch * count + min(self.position * self.config.batch_size, count)
        loader, quiet = self._loader(), not self.processes.leads
        try:
            with Progress(epochs * count, "images", initial=done, quiet=quiet) as progress:
                while self.epoch < epochs:
                    if self._resized():
                        loader.close()
                        loader = self._loader()
                    self._run_epoch(loader, progress)
        finally:
            loader.close()
            self.tester.close()
        self._written()

    def _written(self) -> None:
        """All wait for the checkpoint: the first process to end takes the others with it."""
        self.processes.led(self.writer.wait)

    def _loader(self) -> Loader:
        self.writer.join()  # workers are forked, which goes with no thread at work
        return training_loader(self.training_set, self.plan, workers=self.workers, epochs=self.config.epochs)

    def _resized(self) -> bool:
        """Whether the epoch's images have another side than those before; all that depends on it is then made anew."""
        side = side_at(self.config, self.data.size, self.epoch)
        if side == self.training_set.images.size:
            return False
        self.training_set = at_side(self.training_set, side, self.remake)
        self.method = self.step.method = self.training_set.method
        self.feed = Feed(self.training_set, self.plan)
        if self.graphs is not None:
            self.graphs = GraphedSteps(self.step, CudaRecorder(self.device))
        return True

    def _run_epoch(self, loader: Loader, progress: Progress) -> None:
        self.start, config = time.monotonic() - self.seconds, self.config
        loader.waiting.take()
        self.watch.begin()
        if self.log is not None:
            self.log.begin()
        self.plan.set_epoch(self.epoch, self.position)
        self.trained.train()
        if self.position == 0:
            with self.step.autocast():
                self.method.before_epoch(self.network, self._plain_batches, key=self._key())
        for batch in loader:
            self.broken.take(batch.broken)
            with step_refused(config):
                self._step(batch)
            self.watch.note(self.position)
            progress.advance(self.plan.global_batch(self.position))
            self.position += 1
            planned = self.position % config.checkpoint_every == 0 and self.position < self.plan.steps
            if self.agreement.due() or planned or self.position == self.plan.steps:
                self._between_steps(save=planned)
        self.flush_steps()
        loss, waited = self.processes.total(self.step.loss_sum.item(), loader.waiting.take())
        loss, waited = loss / (self.plan.steps * self.processes.world), waited / self.processes.world
        if not math.isfinite(loss):
            raise self._not_finite()
        error, stopped = self.test()
        if stopped:
            self._between_steps(save=False)
        if self.log is not None:
            self.log.tested(error)
        if self.config.keep_best and error < self.best:
            self.best = error
            self.processes.led(lambda: write_weights(self.measured.body.state_dict(), self.folder.best))
        self.epoch, self.position, self.seconds = self.epoch + 1, 0, 0.0
        self.step.loss_sum.zero_()
        seconds = time.monotonic() - self.start
        noted, words = self.method.on_epoch(self.epoch, seconds)
        skipped = int(self.processes.total(self.broken.count)[0])
        if skipped:
            noted = {**noted, "skipped": skipped}
        self.broken.count = 0
        if self.processes.leads:
            entry = {"epoch": self.epoch, "loss": loss, "test_error": error, "lr": self._lr()}
            self.folder.append({**entry, "seconds": round(seconds, 3), "waited_share": round(waited, 4), **noted})
            said = [f"loss {loss:.3f}", f"test error {error:.1%}", duration(seconds), words, loader.advice(waited)]
            progress.say(f"epoch {self.epoch}/{config.epochs}: {', '.join(filter(None, said))}")
        self.save()
        if self.agreement.agree(Agreed(stop=self.processes.stop.asked)).stop:
            raise self._stopped()

    def flush_steps(self) -> None:
        """Write what there is of the steps' losses; all processes call this after the same step."""
        if self.log is not None:
            self.watch.look()
            self.log.flush()

    def _between_steps(self, *, save: bool) -> None:
        """Agree on what has happened; all processes call this after the same step, and before each checkpoint."""
        mine = self.processes
        late = time.monotonic() - self.saved > 60 * self.config.checkpoint_minutes
        own = Agreed(mine.stop.asked, save or late, self.broken.error is not None, self.watch.found)
        agreed = self.agreement.agree(own)
        if agreed.broken:
            raise self._refusal(next(line for line in all_gather(self.broken.error) if line))
        if agreed.not_finite is not None:
            raise self._not_finite(agreed.not_finite)
        if agreed.save or agreed.stop:
            mine.stop.agreed = agreed.stop
            self.seconds = time.monotonic() - self.start
            self.save()
        if agreed.stop:
            raise self._stopped()

    def _stopped(self) -> Stopped:
        self._written()
        where = f"after step {self.position:,} of {self.plan.steps:,} of epoch {self.epoch + 1}"
        return Stopped(f"stopped {where}, with a checkpoint" if self.processes.leads else "")

    def _not_finite(self, step: int | None = None) -> SystemExit | InputError:
        """What ends the run; `step` is the first such one of the epoch, None where it has to be looked for."""
        if step is None:
            step = self.agreement.agree(Agreed(not_finite=self.watch.look())).not_finite
        if step is None:
            what = f"the weights are not finite after step {self.position:,} of epoch {self.epoch + 1}"
        else:
            what = not_finite(self.plan, self.epoch, step)
        return self._refusal(f"{what}: lower `lr`, which is {self.config.lr:g}; earlier checkpoints are kept")

    def _refusal(self, line: str) -> SystemExit | InputError:
        """An error that all processes end with, and one tells."""
        return InputError(line) if self.processes.leads else SystemExit(2)

    def _lr(self) -> float:
        return learning_rate(self.epoch * self.plan.steps + self.position, self.plan.steps, self.config)

    def _key(self) -> StepKey:
        return StepKey(seed=self.config.seed, epoch=self.epoch, step=self.position, rank=self.processes.rank)

    def _plain_batches(self, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        self.writer.join()
        return plain_batches(self.data, self.plan, steps, self.epoch, device=self.device, workers=self.workers)

    def _step(self, batch: Batch) -> None:
        self.method.on_step(self.body)
        images, labels = self.feed.of(self.epoch, self.position, batch)
        set_rate(self.step.optimizer, self._lr())
        if self.graphs is not None and len(labels) == self.config.batch_size:
            try:
                self.graphs.take(images, labels, self._key())
                return
            except NotGraphable as error:
                without_graphs(self.config, error)
                self.graphs = None
        self.step.forward.train()
        self.step.take(images, labels, self._key(), self.plan.weight(self.position))

    def test(self) -> tuple[float, bool]:
        """The clean error of the network as it is; and whether a process was asked to stop, so that it is of no use."""
        return self.tester.error()

    def save(self) -> None:
        """Write the checkpoint, while training goes on; all processes call this.

        Raises:
            InputError: a loss or a weight is not finite; nothing is written.
        """
        self.flush_steps()
        if not saving.save(self):
            raise self._not_finite()
        self.saved = time.monotonic()

    def load(self) -> None:
        """Take up the run folder's newest whole checkpoint; without one the run begins anew, and so does its log."""
        saving.load(self)
