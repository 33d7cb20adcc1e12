"""The run folder: what a run was, how it went, where it stands, what came out."""

from __future__ import annotations

import contextlib
import json
import math
import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixset._common.errors import InputError, reason
from mixset._common.files import ensured_folder
from mixset._common.locks import exclusive
from mixset._common.partials import remove_abandoned, write_atomically
from mixset.generate._networks.spec import CONFIG, WEIGHTS, NetworkSpec

from . import checkpoints
from .appended import Appended
from .config import TrainConfig, recipe
from .records import read_config, read_metrics

if TYPE_CHECKING:
    from .._data.labelled import TrainingData

# Where and how fast a run goes, not what it computes: these may change between a run and its resumption.
FREE = {
    "out",
    "resume",
    "workers",
    "device",
    "compile",
    "graph",
    "data_folder",
    "checkpoint_every",
    "checkpoint_minutes",
    "keep_checkpoints",
    "skip_broken",
    "eval_batch_size",
    "threads",
    "suite",
    "keep_best",
    "log_steps",
    "tensorboard",
}
LOCK = ".lock"
"""The name of a folder's lock."""


class RunFolder:
    """`config.json`, `log.jsonl`, `checkpoints/`, `weights.safetensors`, `logits/`, and `metrics.json`, written last.

    A run of the method iterative has `fvis/`, too: a contact sheet of its mixing images for each epoch. What is asked
    for comes beside: `best.safetensors`, the weights that had the lowest test error; `steps.csv`, the loss of each
    step; `tensorboard/`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config, self.log, self.checkpoints = path / CONFIG, path / "log.jsonl", path / checkpoints.FOLDER
        self.weights, self.logits, self.metrics = path / WEIGHTS, path / "logits", path / "metrics.json"
        self.fvis, self.best = path / "fvis", path / "best.safetensors"
        self.log_lines, self.steps = Appended(self.log), Appended(path / "steps.csv")

    def check(self, config: TrainConfig) -> None:
        """See that the folder is free for this run, or holds it already and `config.resume` allows going on.

        Raises:
            InputError: the folder holds a run and `--resume` is not given, holds another run, or is something else.
        """
        if not self.config.exists():
            if self.path.is_dir() and any(e.suffix != ".partial" and e.name != LOCK for e in self.path.iterdir()):
                raise InputError(f"run folder {self.path}: exists and holds no run; choose another `out`")
            return
        if not config.resume:
            raise InputError(f"run folder {self.path}: holds a run; `resume` resumes it, `out` names another folder")
        # What an older release did not ask for was as it is by default; drop path is younger than the recipe with it.
        described = _plain(config.to_json())
        before = _plain(recipe(config.recipe).to_json()) | {"drop_path": 0.0} | read_config(self.config)["config"]
        free = FREE | {"epochs"} if self.goes_further(config) else FREE
        changed = sorted(name for name in described if name not in free and described[name] != before[name])
        if changed:
            name = changed[0]
            raise InputError(
                f"run folder {self.path}: holds a run with {name} {before[name]}, not {described[name]}; "
                "give the run's own settings or another `out`"
            )

    def begin(self, config: TrainConfig, network: NetworkSpec, data: TrainingData, world: int) -> None:
        """Make the folder with its `config.json`, or take away what a killed writer left in it.

        A run that has ended, and is to go on for more epochs, is opened again.

        Raises:
            InputError: the run there has other classes, or in another order, so that labels would change.
        """
        if self.config.exists():
            before = read_config(self.config)
            own = {"mean": data.mean, "std": data.std}
            if _plain(own) != {name: before.get("images", {}).get(name, value) for name, value in _plain(own).items()}:
                raise InputError(
                    f"run folder {self.path}: holds a run whose images have another normalisation; choose another `out`"
                )
            if before.get("classes") != list(data.classes):
                raise InputError(
                    f"run folder {self.path}: the data set has other classes than at its start, or in another order; "
                    "start anew with another `out`"
                )
            remove_abandoned(self.path)
            remove_abandoned(self.fvis)
            remove_abandoned(self.checkpoints)
            if self.goes_further(config):
                self._reopen(config)
            return
        write_json(
            self.config,
            {
                "config": config.to_json(),
                "network": network.to_json(),
                "classes": data.classes,
                "images": {"size": data.size, "mean": data.mean, "std": data.std},
                **({"stored": data.stored} if data.stored else {}),
                "processes": world,
                "versions": versions(),
            },
        )

    def goes_further(self, config: TrainConfig) -> bool:
        """Whether the run has ended, and the config has more epochs than it had then."""
        return self.metrics.exists() and read_metrics(self.metrics).get("epochs", math.inf) < config.epochs

    def _reopen(self, config: TrainConfig) -> None:
        """Make the folder one of a run that has not ended; what the shorter one came to is kept beside.

        Metrics go last: until then a killed call is done again.

        Raises:
            InputError: there is no checkpoint to go on from.
        """
        ended = read_metrics(self.metrics)["epochs"]
        if not checkpoints.list_checkpoints(self.path):
            raise InputError(f"run folder {self.path}: has no checkpoint to go on from; give its own `epochs`, {ended}")
        described = read_config(self.config)
        described["config"]["epochs"] = config.epochs
        described["ended_after"] = sorted({*described.get("ended_after", []), ended})
        write_json(self.config, described)
        for path in (self.weights, self.metrics):
            with contextlib.suppress(FileNotFoundError):
                path.replace(path.with_name(f"{path.stem}-{ended}{path.suffix}"))
        print(
            f"run folder {self.path}: goes on after {ended} of now {config.epochs} epochs, at the learning rate that a "
            f"run of {config.epochs} has there; what it had come to is kept as {self.metrics.stem}-{ended}.json",
            file=sys.stderr,
        )

    def keep(self, state: dict[str, Any], count: int) -> None:
        """Write a checkpoint; of those there are then, the newest `count` stay.

        The old ones go only after the new one is whole on the disk.
        """
        path = checkpoints.checkpoint_path(self.path, state["epoch"], state["position"])
        with ensured_folder(self.checkpoints, "folder"):
            checkpoints.save(state, path)
        for old in checkpoints.list_checkpoints(self.path)[count:]:
            with contextlib.suppress(OSError):  # what cannot be removed costs space alone
                old.unlink()

    def newest(self) -> Path | None:
        """The checkpoint to resume from; damaged ones that are newer are named and renamed to `*.damaged`, for they
        would be passed over, and count among those kept, until the run is further than they are.

        Raises:
            InputError: as `newest_checkpoint`.
        """
        found = checkpoints.newest_checkpoint(self.path)
        for path in found.damaged:
            with contextlib.suppress(OSError):
                path.replace(path.with_name(f"{path.name}.damaged"))
        return found.path

    def sheet(self, epoch: int) -> Path:
        """Where the contact sheet of an epoch's feature visualisations lies."""
        return self.fvis / f"epoch-{epoch:03d}.png"

    def sheets(self) -> list[Path]:
        """The contact sheets there are, in the order of epochs."""
        found = [path for path in self.fvis.glob("epoch-*.png") if re.fullmatch(r"epoch-[0-9]{3,9}", path.stem)]
        return sorted(found, key=lambda path: int(path.stem.partition("-")[2]))

    def append(self, entry: dict[str, Any]) -> None:
        """Add a line to the log."""
        self.log_lines.add(json.dumps(entry) + "\n")


@contextlib.contextmanager
def owned(folder: Path, what: str, *, lock: str = LOCK) -> Iterator[None]:
    """Hold a folder (made when missing) for this process alone; one in which nothing came to lie goes again.

    Args:
        what: is in the folder, for the line, for example "run folder".
        lock: the lock's name.

    Raises:
        InputError: another process holds it, or it cannot be written: before work that would end in nothing.
    """
    with ensured_folder(folder, what), contextlib.ExitStack() as stack:
        try:
            stack.enter_context(exclusive(folder / lock, f"{what} {folder}"))
        except OSError as error:
            raise InputError(f"{what} {folder} cannot be written ({reason(error)}); choose another `out`") from error
        yield


def versions() -> dict[str, str]:
    """Versions of what decides a run's numbers."""
    names = ("pixmix", "torch", "torchvision", "numpy", "numba", "pillow", "h5py", "scikit-learn")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically."""
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))
