"""Engines that shards are made with: own processes, or Dask on this machine or on a cluster that is there."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Executor
from typing import Any

from mixset._common.errors import InputError
from mixset._common.workers import bind_device, without_interrupts

from .devices import slots
from .families import Family

PATIENCE = 10
"""Seconds to wait for a scheduler."""


@contextlib.contextmanager
def open_engine(engine: str, kind: Family, devices: Sequence[str], workers: int | None) -> Iterator[Executor | None]:
    """What `make` takes as executor; a local cluster ends with it, one that was there before goes on.

    A worker of Dask's that dies is replaced and its tasks are done elsewhere. Dask's own log is silent; what workers
    print is not.

    Args:
        engine: `processes`; `dask`, a cluster on this machine, of processes with one thread each; or
            `dask://HOST:PORT`, the scheduler of a cluster that is there.
        kind: what is made; with `devices` and `workers` it says how many workers a local cluster has, each with a
            device for its life.

    Raises:
        InputError: an unknown engine, Dask is not installed, its scheduler does not answer or goes away, or workers
            died over one shard after the other.
    """
    if engine == "processes":
        yield None
        return
    if not re.fullmatch(r"dask(://\S+:\d+)?", engine):
        raise InputError(f"engine: {engine!r} is unknown; give processes, dask or dask://HOST:PORT")
    if engine != "dask" and workers is not None:
        raise InputError(f"workers: those of {engine} are there already; leave this out")
    try:
        import distributed
    except ImportError as error:
        raise InputError(f'engine: {engine} needs Dask: pip install "pixmix[cluster]"') from error

    with _silence(), contextlib.ExitStack() as stack:
        if engine == "dask":
            client = _local(slots(kind, devices, workers), stack)
        else:
            client = _remote(engine.removeprefix("dask://"), stack)
        try:
            yield client.get_executor()
        except distributed.scheduler.KilledWorker as error:
            raise InputError(
                "workers died one after the other over the same shard (out of memory?): run it again with fewer or "
                "larger workers"
            ) from error
        except CancelledError as error:
            raise InputError(f"engine: {engine} went away; finished shards are kept, run it again") from error


def _local(devices: Sequence[str], stack: contextlib.ExitStack) -> Any:
    import distributed

    # Its threads start the workers, which inherit the mask: Ctrl-C reaches this process alone, which ends the others.
    with without_interrupts():
        cluster = stack.enter_context(
            distributed.LocalCluster(
                n_workers=len(devices),
                threads_per_worker=1,
                processes=True,
                memory_limit=None,  # else it would end workers that use more than an even share
                scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                silence_logs=logging.CRITICAL,
            )
        )
        client = stack.enter_context(distributed.Client(cluster, set_as_default=False))
        client.register_plugin(_binding(devices))
    return client


def _remote(address: str, stack: contextlib.ExitStack) -> Any:
    import distributed

    try:
        client = stack.enter_context(distributed.Client(f"tcp://{address}", timeout=PATIENCE, set_as_default=False))
    except OSError as error:
        raise InputError(
            f"engine: no Dask scheduler answers at {address}; start one with `dask scheduler`, and workers with "
            f"`dask worker {address} --nthreads 1`"
        ) from error
    if not client.scheduler_info()["workers"]:
        print(f"{address} has no workers yet: waiting for `dask worker {address} --nthreads 1`", file=sys.stderr)
    return client


def _binding(devices: Sequence[str]) -> Any:
    """A plugin that binds each worker of a local cluster to a device; a worker's replacement keeps its name."""
    import distributed

    class Binding(distributed.WorkerPlugin):
        def setup(self, worker: Any) -> None:
            logging.getLogger("distributed").setLevel(logging.CRITICAL)
            bind_device(devices[int(worker.name)])

    return Binding()


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep Dask's log off stderr: what matters of it is raised."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
