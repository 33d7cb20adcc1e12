"""Where families that work on a device draw: which devices there are, and one torch thread on the CPU."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator, Sequence

from mixset._common.cores import check_workers
from mixset._common.errors import InputError

from .families import Family

_at_work = threading.Lock()


def check_names(devices: Sequence[str]) -> list[str]:
    """The devices, if they can be meant; says nothing about whether they are there, and imports no torch."""
    for name in devices or [""]:
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
            raise InputError(f"devices: {name!r} is unknown; give auto, cpu, cuda:N, or several GPUs as cuda:0,cuda:1")
    if len(devices) > 1 and not all(name.startswith("cuda:") for name in devices):
        raise InputError(f"devices: {','.join(devices)} do not go together; give one, or several GPUs as cuda:0,cuda:1")
    if len({*devices}) < len(devices):
        raise InputError(f"devices: {','.join(devices)} names one twice; `workers` sets how many work on each")
    return list(devices)


def slots(kind: Family, devices: Sequence[str], workers: int | None) -> list[str]:
    """The device of each worker process on this machine: a GPU each, or the CPU as often as it has cores.

    Args:
        kind: only a family that works on a device makes torch look for GPUs.
        devices: names, or `auto`: all GPUs there are, else the CPU.
        workers: how many processes; default: one for each GPU, or each core this process may use.

    Raises:
        InputError: a name is unknown or its GPU is not there; workers out of range or no multiple of the GPUs.
    """
    count = check_workers(workers)
    names = ["cpu"]
    if kind.on_device:
        names = _resolved(check_names(devices))
        if "auto" in devices:
            names = names[:workers]
    if names == ["cpu"]:
        return names * count
    workers = workers or len(names)
    if workers % len(names):
        raise InputError(f"workers: {workers} on {len(names)} GPUs ({', '.join(names)}); give a multiple of that")
    return names * (workers // len(names))


def _resolved(devices: list[str]) -> list[str]:
    """Plain names, with `auto` resolved; InputError where torch sees no such GPU."""
    if devices == ["cpu"]:
        return ["cpu"]
    import torch

    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if "auto" in devices:
        return gpus or ["cpu"]
    named = ["cuda:0" if name == "cuda" else name for name in devices]
    missing = [name for name in named if name not in gpus and name != "cpu"]
    if missing:
        has = f"sees {', '.join(gpus)}" if gpus else "sees no GPU"
        raise InputError(f"devices: {', '.join(missing)} is not there, torch {has}; give auto or cpu")
    return named


@contextlib.contextmanager
def at_work(device: str) -> Iterator[str]:
    """Draw on `device` within this: gives its plain name, and the CPU to one torch thread, as law 1 asks.

    One drawing at a time in a process, for the number of threads and a network's hooks belong to all its threads.

    Raises:
        InputError: there is no such device here.
    """
    import torch

    name = _resolved([device])[0]
    with _at_work:
        threads = torch.get_num_threads()
        if name == "cpu":
            torch.set_num_threads(1)
        try:
            yield name
        finally:
            torch.set_num_threads(threads)
