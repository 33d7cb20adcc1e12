"""What `mixset make` takes, whatever the family."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Generic, TypeVar

import tyro

from .._job.families import Recipe
from .import_command import Compression

R = TypeVar("R", bound=Recipe)


@dataclass(frozen=True, kw_only=True)
class _Making(Generic[R]):
    """What to make, and how, whatever the family."""

    recipe: Annotated[R, tyro.conf.arg(name="")]

    workers: int | None = None
    """Workers that make images; by default one for each GPU worked on, else for each core."""

    engine: str = "processes"
    """Where the shards are made: processes; dask, a cluster on this machine; dask://HOST:PORT, the scheduler of one
    that is there, whose workers see OUT under the same path. A worker of Dask's that dies is replaced."""

    part: str = "1/1"
    """i/n: this is job i of n on one folder; the job that finds all shards present finishes the set."""

    preview: Path | None = None
    """An image file, for example preview.png: a contact sheet that grows while the set is made."""

    compression: Compression = "none"
    """Compression of the shards: gzip makes them a little smaller and slow to write and read; the images are the
    same."""


@dataclass(frozen=True, kw_only=True)
class MakeCommand(_Making[R]):
    """Make a mixing set in the folder OUT, or resume one begun there.

    Images are a function of the recipe alone: the same flags give the same bytes on any number of workers. Ctrl-C or
    a kill loses at most the shards in the making; the same command resumes, and a larger --count extends the set.
    """

    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """Where the result goes: the folder of the set, made when missing."""


@dataclass(frozen=True, kw_only=True)
class DeviceCommand(_Making[R]):
    """Make a mixing set in the folder OUT, or resume one begun there.

    On the CPU images are a function of the recipe alone: the same flags give the same bytes on any number of workers.
    GPUs give the same units and seeds, and images that differ a little. Ctrl-C or a kill loses at most the shards in
    the making; the same command resumes, and a larger --count extends the set.
    """

    out: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")] = None
    """Where the result goes: the folder of the set, made when missing."""

    devices: str = "auto"
    """Where to compute, side by side: cpu, cuda:1, several GPUs as cuda:0,cuda:1 with a process on each, or auto: all
    GPUs there are, else the CPU."""

    list_layers: Annotated[bool, tyro.conf.arg(name="list-layers"), tyro.conf.FlagCreatePairsOff] = False
    """Print the layers of the network, in the order it reaches them, with their channels; make nothing."""
