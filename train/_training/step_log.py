"""The loss of each step: rows of a CSV, and TensorBoard's events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mixset._common.errors import InputError

from .schedule import learning_rate
from .state import TrainingState

HEAD = "epoch,step,loss,lr\n"


def need_tensorboard() -> Any:
    """TensorBoard's writer.

    Raises:
        InputError: it is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError('tensorboard: is not installed; pip install "pixmix[tensorboard]", or leave it out') from None
    return SummaryWriter


class StepLog:
    """Writes what a training's `LossWatch` has fetched, so that nothing waits for the device.

    Losses are means over all processes, each of its own share of the batch. A step has a number in its epoch and, for
    TensorBoard, one in the run, both from 1 on.

    Args:
        training: at the step that comes next; what was written of later ones is cut or, by TensorBoard, hidden.
    """

    def __init__(self, training: TrainingState) -> None:
        self.training, config = training, training.config
        self.rows = config.log_steps and training.processes.leads
        self.writer: Any = None
        if config.tensorboard and training.processes.leads:
            folder, first = training.folder.path / "tensorboard", self._number(training.position) + 1
            self.writer = need_tensorboard()(str(folder), purge_step=first)
        self.before = 0.0
        """The sum of the epoch's losses before those that come next."""

    def begin(self) -> None:
        """An epoch begins, or is resumed."""
        self.before = self.training.step.loss_sum.item()

    def note(self, first: int, sums: Sequence[float]) -> None:
        """Steps have been taken, from that position in the epoch on; the sums of the epoch's losses after each."""
        losses = [after - before for before, after in zip([self.before, *sums], sums, strict=False)]
        self.before = sums[-1]
        losses = self.training.processes.host_means(*losses)
        for position, loss in enumerate(losses, first):
            self._write(position, loss)

    def tested(self, error: float) -> None:
        """The epoch that is still the training's has ended with this error."""
        if self.writer is not None:
            self.writer.add_scalar("test/error", error, self._number(self.training.plan.steps))

    def flush(self) -> None:
        """All that was noted is on the disk: a checkpoint follows."""
        if self.writer is not None:
            self.writer.flush()

    def _write(self, position: int, loss: float) -> None:
        training, number = self.training, self._number(position)
        lr = learning_rate(number, training.plan.steps, training.config)
        if self.rows:
            head = HEAD if not training.folder.steps.size() else ""
            training.folder.steps.add(f"{head}{training.epoch + 1},{position + 1},{loss:.9g},{lr:.9g}\n")
        if self.writer is not None:
            self.writer.add_scalar("train/loss", loss, number + 1)
            self.writer.add_scalar("train/lr", lr, number + 1)

    def _number(self, position: int) -> int:
        return self.training.epoch * self.training.plan.steps + position
