"""One process or many: ranks, devices and mixed precision, under `torchrun` or without it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import nn

from mixset._common.children import end_with_parent
from mixset._common.cores import usable_cores
from mixset._common.errors import InputError
from pixmix._common.distributed import first

from .stopping import StopRequest

T = TypeVar("T")
MOST_WORKERS = 32
"""They load 10,000 images of ImageNet a second and more, each of them in some hundred MB of memory."""
TIMEOUT = timedelta(minutes=10)
"""How long a process waits for the others in a step, a test or a checkpoint."""
MEETING = timedelta(seconds=60)
"""How long the processes of a start wait for each other."""


@dataclass(frozen=True, kw_only=True)
class Processes:
    """This process among those that train together."""

    device: torch.device
    rank: int = 0
    world: int = 1
    hosts: dist.ProcessGroup | None = None
    """Through which `most` goes: a group that needs no GPU; None is the usual one."""
    stop: StopRequest = field(default_factory=lambda: StopRequest(alone=True))

    @property
    def leads(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def total(self, *numbers: float) -> list[float]:
        """The sums of numbers over all processes."""
        values = torch.tensor(numbers, dtype=torch.float64)
        if self.world > 1:
            values = values.to(self.device)
            dist.all_reduce(values)
        return values.tolist()

    def most(self, *numbers: int) -> list[int]:
        """The largest of each number over all processes; nobody waits for a GPU."""
        values = torch.tensor(numbers, dtype=torch.int64)
        if self.world > 1:
            dist.all_reduce(values, dist.ReduceOp.MAX, group=self.hosts)
        return values.tolist()

    def host_means(self, *numbers: float) -> list[float]:
        """The means of numbers over all processes; nobody waits for a GPU."""
        values = torch.tensor(numbers, dtype=torch.float64)
        if self.world > 1:
            dist.all_reduce(values, group=self.hosts)
        return (values / self.world).tolist()

    def led(self, make: Callable[[], T]) -> T:
        """What `make` returns in the first process, the only one that calls it; all must call this.

        Raises:
            InputError: in the first process, which tells what it is.
            SystemExit: then in the others, which none has to wait for.
        """
        try:
            return first(make)
        except InputError:
            if self.leads:
                raise
            sys.exit(2)

    def level(self, network: nn.Module) -> None:
        """Give the first process's batch statistics to all, as DDP does before each forward pass in training."""
        if self.world > 1:
            for buffer in network.buffers():
                dist.broadcast(buffer, 0)


@contextlib.contextmanager
def torch_state_kept(device: torch.device) -> Iterator[None]:
    """Leave torch's generators, of the CPU and of `device`, and its number of threads as they were."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed torch's generators of the CPU and of `device`; those of other devices are somebody else's."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def seed_dropout(seed: int, mine: Processes, *, steps: int = 0) -> None:
    """Seed what each process draws apart from the others, from a run's seed and how many steps it has taken."""
    seed_generators((seed + 1_000_003 * (1 + mine.rank) + 7_368_787 * steps) % 2**64, mine.device)


@contextlib.contextmanager
def processes(device: str) -> Iterator[Processes]:
    """Join the processes that `torchrun` started, or be the only one; `device` is as `--device` says."""
    world, rank = _told("WORLD_SIZE", 1), _told("RANK", 0)
    index = choose_device(device, _told("LOCAL_RANK", 0))
    if world == 1:
        yield Processes(device=index)
        return
    # A launcher that is killed ends no rank. torchrun starts them from its main thread; who else does is not known.
    end_with_parent(main="TORCHELASTIC_RUN_ID" in os.environ)
    if index.type == "cuda":
        torch.cuda.set_device(index)
    backend = "nccl" if index.type == "cuda" else "gloo"
    store = _own_store(rank, world)
    if store is None:
        dist.init_process_group(backend, timeout=TIMEOUT)
    else:
        dist.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=TIMEOUT)
    hosts = None
    if index.type == "cuda":
        hosts = cast(dist.ProcessGroup, dist.new_group(backend="gloo", timeout=TIMEOUT))
    try:
        yield Processes(rank=rank, world=world, device=index, hosts=hosts)
    finally:
        dist.destroy_process_group()


def restarted() -> bool:
    """Whether torchrun has started this process in place of one that failed."""
    return _told("TORCHELASTIC_RESTART_COUNT", 0) > 0


def _own_store(rank: int, world: int) -> dist.Store | None:
    """A store for this start alone, where torchrun keeps its own for all starts; None where torch makes one.

    In torchrun's, what a killed start has left makes the next one hang now and then. So the first process opens a
    store at a free port, and leaves the port in torchrun's under the number of this start. On one machine only: there
    each start has a number of its own.
    """
    alone = os.environ.get("LOCAL_WORLD_SIZE") == str(world)
    if not alone or os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return None
    host = os.environ.get("MASTER_ADDR", "localhost")
    agents = dist.TCPStore(host, _told("MASTER_PORT", 0), is_master=False, timeout=MEETING)
    start = f"pixmix/{os.environ.get('TORCHELASTIC_RUN_ID')}/{os.environ.get('TORCHELASTIC_RESTART_COUNT')}"
    if rank == 0:
        store = dist.TCPStore("localhost", 0, world, is_master=True, timeout=MEETING, wait_for_workers=False)
        agents.set(start, str(store.port))
        return store
    return dist.TCPStore("localhost", int(agents.get(start)), world, is_master=False, timeout=MEETING)


def _told(name: str, otherwise: int) -> int:
    """A number that `torchrun` gives its processes."""
    value = os.environ.get(name, str(otherwise))
    if not (value.isascii() and value.isdigit()):
        raise InputError(f"the environment variable {name} is {value!r}, no number; unset it, or start with torchrun")
    return int(value)


def own_cores() -> int:
    """The cores for each of the processes that train together on this machine."""
    return max(usable_cores() // max(_told("LOCAL_WORLD_SIZE", 1), 1), 1)


def loader_workers(stated: int | None, device: torch.device) -> int:
    """How many workers a process's loader has: as stated, else as many as the network may need.

    On a CPU a network takes many times as long for an image as its loading does, and needs the cores itself. A GPU
    takes thousands a second, of which a core loads some hundreds; what workers are too many wait without a cost. Of a
    GPU's cores one is for the training process and one for what else goes on.
    """
    if stated is not None:
        return stated
    return min(own_cores(), 2) if device.type == "cpu" else min(max(own_cores() - 2, 1), MOST_WORKERS)


def choose_device(name: str, local_rank: int = 0) -> torch.device:
    """The device called `auto`, `cpu`, `cuda` or `cuda:N`; `auto` and `cuda` give each local rank a GPU of its own."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, ValueError, OverflowError):
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda", "mps") or (device.type != "cuda" and device.index):
        raise InputError(f"device {name}: unknown; use auto, cpu, cuda or cuda:N")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError(f"device {name}: no such GPU can be used here; use cpu")
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise InputError(f"device {name}: no GPU can be used here; use cpu")
        index = local_rank if device.index is None else device.index
        if index >= torch.cuda.device_count():
            raise InputError(f"device {name}: GPU {index} does not exist; there are {torch.cuda.device_count()}")
        return torch.device("cuda", index)
    return device


def precision(amp: str, device: torch.device) -> torch.dtype | None:
    """The type of mixed precision that `--amp` means on this device; None is full precision."""
    if amp == "auto":
        if device.type != "cuda":
            return None
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if amp == "fp16" and device.type != "cuda":
        raise InputError("amp fp16: needs a GPU; use off or bf16")
    return {"off": None, "bf16": torch.bfloat16, "fp16": torch.float16}[amp]
