"""Training steps as CUDA graphs: captured once, then launched with one call each."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from mixset._common.errors import InputError, reason
from mixset.generate._networks.spec import foreign
from pixmix._augment.transfers import pack, unpack
from pixmix._common.keyed import step_seed
from pixmix.methods._base import DeviceDraws, Method, StepDraws, StepKey

from .._runs.config import TrainConfig
from .._runs.processes import precision
from .rounding import RoundedWeights
from .step import Step

FORMS = 4
"""Graphs that are kept, the last ones used: CutMix has two in turn, Noise2Net one an epoch."""
WARM_UPS = 3
"""Steps before a capture, in which libraries choose their algorithms and make what they need."""


class NotGraphable(Exception):
    """Why a step cannot be captured, in words; nothing has changed."""


def check_graph(config: TrainConfig, device: torch.device, world: int, method: Method | None = None) -> bool:
    """Whether the steps of a run are graphs, as far as that is known.

    Args:
        method: None where it is not made yet.

    Raises:
        InputError: `config.graph` says "on", and they cannot be.
    """
    why = _obstacle(config, device, world, method)
    if config.graph == "on" and why:
        raise InputError(f"graph on: {why}; leave `graph` out")
    # Code that nobody here has read may decide something in Python at each step; only its user knows.
    return config.graph == "on" or (config.graph == "auto" and not why and not foreign(config.network))


def _obstacle(config: TrainConfig, device: torch.device, world: int, method: Method | None) -> str:
    if device.type != "cuda":
        return f"needs a GPU of NVIDIA, not {device.type}"
    if world > 1:
        return f"is for a single process, not {world}"
    if precision(config.amp, device) is torch.float16:
        return "fp16 looks at each step's gradients on the host"
    if method is not None and not method.in_graph:
        return f"the method {config.method} needs the host in each step"
    return ""


def without_graphs(config: TrainConfig, why: NotGraphable) -> None:
    """Say that steps are run by Python from here on.

    Raises:
        InputError: `config.graph` says "on".
    """
    if config.graph == "on":
        raise InputError(f"graph on: a step of this network cannot be one ({why}); leave `graph` out") from None
    print(f"steps are not taken as CUDA graphs: {why}", file=sys.stderr)


class Recorder(Protocol):
    """How a step of static tensors becomes something that can be repeated."""

    def warm_up(self, step: Callable[[], None]) -> None:
        """Run it some times; RuntimeError where it waits for the host."""

    def record(self, step: Callable[[], None], generator: torch.Generator | None) -> Callable[[], None]:
        """What repeats its operations on the same tensors; `generator` is the one that it draws from."""


class CudaRecorder:
    """CUDA graphs on one device; all share their working memory, since one runs after the other."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream = torch.cuda.Stream(device)
        self.pool = torch.cuda.graph_pool_handle()

    def warm_up(self, step: Callable[[], None]) -> None:
        # On the stream of the capture: autograd's nodes remember where they were made.
        self.stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.device(self.device), torch.cuda.stream(self.stream):
            step()
            # Only now: compilers and libraries may wait the first time.
            with _no_waiting():
                for _ in range(WARM_UPS - 1):
                    step()
        torch.cuda.current_stream(self.device).wait_stream(self.stream)

    def record(self, step: Callable[[], None], generator: torch.Generator | None) -> Callable[[], None]:
        graph = torch.cuda.CUDAGraph()
        # Other threads go on meanwhile: the loader's pins memory, which would break a capture that looks at all.
        capture = torch.cuda.graph(graph, self.pool, self.stream, capture_error_mode="thread_local")
        with torch.cuda.device(self.device):
            if generator is not None:
                graph.register_generator_state(generator)  # torch itself does so for the default one, dropout's
            with capture:
                step()

        def replay() -> None:
            with torch.cuda.device(self.device):
                graph.replay()

        return replay


@contextlib.contextmanager
def _no_waiting() -> Iterator[None]:
    """Whatever makes the host wait for the device raises RuntimeError, before a capture would be broken by it."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does not find every such operation, torch says; those end the capture
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


class Captured(NamedTuple):
    """A graph of one form, and the tensors that it reads."""

    replay: Callable[[], None]
    buffer: Tensor
    """The bytes of the step's drawn values."""
    random: torch.Generator | None


class GraphedSteps:
    """Takes steps of full batches by replaying graphs, one for each form of the method's draws.

    Each takes the step that `Step.take` takes; the two can follow each other in any order. Captured at the first step
    of its form, which changes nothing but memory: weights, statistics, momenta and generators are put back.
    """

    def __init__(self, step: Step, recorder: Recorder) -> None:
        self.step, self.recorder = step, recorder
        self.forward: nn.Module = step.forward
        # A compiled network has casts of its own, fused with what is around them.
        if step.amp is not None and step.forward is step.trained:
            self.forward = RoundedWeights(step.trained, step.amp)
        self.forms: dict[Hashable, Captured] = {}
        self.images: Tensor | None = None
        self.labels: Tensor | None = None

    def take(self, images: Tensor, labels: Tensor, key: StepKey) -> None:
        """A step on a batch, always of the same shapes.

        Raises:
            NotGraphable: the step waits for the host; nothing has changed.
        """
        draws = self.step.method.draw(key, len(images), (images.shape[2], images.shape[3]))
        if self.images is None or self.labels is None:
            self.images, self.labels = torch.empty_like(images), torch.empty_like(labels)
        self.images.copy_(images)
        self.labels.copy_(labels)
        form = self.forms.pop(draws.form, None) or self._captured(self.images, self.labels, draws, key)
        self.forms[draws.form] = form  # the last one used comes last
        while len(self.forms) > FORMS:
            del self.forms[next(iter(self.forms))]
        self._fill(form.buffer, form.random, draws, key)
        form.replay()

    def _fill(self, buffer: Tensor, random: torch.Generator | None, draws: StepDraws, key: StepKey) -> None:
        if draws.values:
            pinned = buffer.device.type == "cuda"
            buffer.copy_(pack(dict(draws.values), pinned=pinned), non_blocking=pinned)
        if random is not None:
            random.manual_seed(step_seed(key))

    def _captured(self, images: Tensor, labels: Tensor, draws: StepDraws, key: StepKey) -> Captured:
        """The graph of a form; the network is in training mode."""
        buffer = pack(dict(draws.values)).to(images.device)
        random = torch.Generator(images.device) if draws.noise else None
        there = DeviceDraws(unpack(buffer, dict(draws.values)), draws.form, random)

        def step() -> None:
            self.step.take_drawn(images, labels, there, self.forward)

        with self.step.kept():
            self._fill(buffer, random, draws, key)
            try:
                self.recorder.warm_up(step)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                raise NotGraphable(reason(error)) from error
        with self.step.kept():
            return Captured(self._recorded(step, random), buffer, random)

    def _recorded(self, step: Callable[[], None], random: torch.Generator | None) -> Callable[[], None]:
        try:
            return self.recorder.record(step, random)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            # A capture that is broken off reports its own end over what broke it.
            if isinstance(error.__context__, torch.OutOfMemoryError):
                raise error.__context__ from None
            why = reason(error.__context__ or error)
            raise InputError(f"graph: a step cannot be captured ({why}); `graph` off does without") from error
