"""The arithmetic of a training step: what becomes of a batch on the device, run by Python or replayed as a graph."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from mixset._common.errors import InputError
from pixmix._common.normalized import Normalized
from pixmix.methods._base import DeviceDraws, Method, StepKey

from .._data.labelled import TrainingData
from .._runs.config import TrainConfig
from .._runs.processes import precision
from .averages import Averages
from .optimizer import make_optimizer, state_tensors


class Step:
    """Forward, loss, backward and update.

    Args:
        network: takes images in [0, 1]; what methods look at.
        trained: what is trained: the network, or that with what the method adds to it.
        classes: how many there are.
    """

    def __init__(
        self, config: TrainConfig, network: Normalized, trained: nn.Module, method: Method, *, classes: int
    ) -> None:
        self.network, self.trained, self.method, self.classes = network, trained, method, classes
        self.smoothing = config.label_smoothing
        self.device = network.mean.device
        self.forward: nn.Module = trained
        """What images go through: `trained`, or that in a wrapper of torch's."""
        self.amp = precision(config.amp, self.device)
        self.scaler = torch.amp.GradScaler(enabled=self.amp is torch.float16)
        self.optimizer = make_optimizer(config, trained, fused=self.device.type == "cuda")
        self.averages = None if config.ema_decay is None else Averages(network, config.ema_decay)
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=self.device)
        """Of the losses since it was last set to 0."""

    def autocast(self) -> torch.autocast:
        """Mixed precision, where the run has it."""
        return torch.autocast(self.device.type, dtype=self.amp, enabled=self.amp is not None)

    def take(self, images: Tensor, labels: Tensor, key: StepKey, weight: float = 1.0) -> None:
        """A step on a batch: images (V · N, 3, H, W) in [0, 1], labels (N,) int64.

        Args:
            weight: what its mean loss counts among the processes'.
        """
        # Two contexts: autocast keeps its copies of weights to its end, and those made without gradients have none.
        with self.autocast():
            images, targets = self.method.batch(images, labels, network=self.network, key=key, classes=self.classes)
        self._learn(images, targets, self.forward, weight)

    def take_drawn(self, images: Tensor, labels: Tensor, draws: DeviceDraws, forward: nn.Module) -> None:
        """The same step in operations on tensors alone, for the draws of `Method.draw`.

        Args:
            forward: what images go through; gives what `self.forward` does.
        """
        with self.autocast():
            images, targets = self.method.change(
                images, labels, draws=draws, network=self.network, classes=self.classes
            )
        self._learn(images, targets, forward, 1.0)

    def _learn(self, images: Tensor, targets: Tensor, forward: nn.Module, weight: float) -> None:
        # As fast as the network's own layout, whatever a method's transform or turn left behind.
        images = images.contiguous(memory_format=torch.channels_last)
        with self.autocast():
            logits = forward(images)
        if self.smoothing:
            targets = smoothed(targets, self.classes, self.smoothing)
        # DDP takes the mean over processes, which have unequal shares of the last batch: weigh them.
        loss = self.method.loss(logits.float(), targets) * weight
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.averages is not None:
            self.averages.update()
        self.loss_sum += loss.detach()

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """What steps change is afterwards as it was, in the same places: weights, statistics, averages, what the
        optimiser keeps, the sum of losses and torch's generators."""
        tensors = [*self.trained.parameters(), *self.trained.buffers(), self.loss_sum]
        tensors += state_tensors(self.optimizer)
        tensors += [] if self.averages is None else self.averages.tensors()
        before = [tensor.detach().clone() for tensor in tensors]
        states = random_states(self.device)
        try:
            yield
        finally:
            with torch.no_grad():
                for tensor, value in zip(tensors, before, strict=True):
                    tensor.copy_(value)
            restore_random_states(states, self.device)
            self.optimizer.zero_grad(set_to_none=True)


def extended(network: Normalized, data: TrainingData, method: Method, config: TrainConfig) -> nn.Module:
    """The network, or that with what a method adds to it, on the network's device."""
    body = method.extend(network.body)
    if body is network.body:
        return network
    if not isinstance(body, nn.Module) or not any(module is network.body for module in body.modules()):
        raise InputError(f"method {config.method}: its extend must return a module that contains the network")
    whole = Normalized(body, data.mean, data.std)
    return whole.to(network.mean.device).to(memory_format=torch.channels_last)


def smoothed(targets: Tensor, classes: int, share: float) -> Tensor:
    """Targets of which a share is dealt out over all classes alike, as torch's cross entropy smooths them.

    Args:
        targets: class numbers (N,) int64, or soft labels (..., classes) float32.

    Returns:
        Soft labels, (N, classes) or (..., classes) float32.
    """
    if targets.is_floating_point():
        return targets * (1 - share) + share / classes
    # torch's own one_hot looks at the numbers on the host, which no graph can.
    soft = torch.full((len(targets), classes), share / classes, device=targets.device)
    return soft.scatter_(1, targets[:, None], 1 - share + share / classes)


def random_states(device: torch.device) -> dict[str, Tensor]:
    """The states of torch's generators of the CPU and of `device`."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        # Seed and offset. A graph's replay begins at this offset and moves it by what its dropout draws, exactly as far
        # as the same operations move it one by one, so steps of both kinds go on from one another.
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore_random_states(states: dict[str, Tensor], device: torch.device) -> None:
    """Take back what `random_states` gave; a graph that was captured before goes on from there, too."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
