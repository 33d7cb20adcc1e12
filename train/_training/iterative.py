"""Iterative (Table 1 of the paper): PixMix whose mixing images are feature visualisations of the network in training.

A pool holds the newest ones; every so many steps a frozen copy of the network is visualised, a random channel of a
random convolution for each image, and the oldest make way. Each process has a pool and units of its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from mixset._common.errors import InputError
from mixset._common.files import save_image
from mixset._common.old_keys import current
from mixset._store.sheet import sheet
from mixset.generate._fvis.folding import folded
from mixset.generate._fvis.layers import CONVOLUTION, Layer, list_layers
from mixset.generate._fvis.objectives import Unit
from mixset.generate._fvis.optimise import ATTEMPTS, visualise
from pixmix._augment.draws import Key
from pixmix._common import philox
from pixmix._common.distributed import all_gather
from pixmix.methods._base import Method
from pixmix.methods._mixing import PixMixMethod

from .._data.labelled import TrainingData
from .._runs.config import TrainConfig
from .._runs.iterative_settings import IterativeSettings
from .._runs.processes import Processes, precision
from .._runs.run_folder import RunFolder
from .refresh_schedule import Schedule

CPU_CHUNK = 16
"""Images optimised together on a CPU, of like depth: the network is run only as far as the deepest of them."""
SHOWN = 48
"""Images on a contact sheet."""


class FVisPool:
    """The newest feature visualisations, first in first out: a pool for `pixmix._augment.draws.draw` and the engines.

    Args:
        capacity: how many images at most.
        side: of the training images, which is that of the visualisations, in pixels.
    """

    weights = (1.0,)

    def __init__(self, capacity: int, side: int) -> None:
        self.capacity, self.size = capacity, (side, side)
        self.images = np.empty((0, side, side, 3), np.uint8)
        """(M, S, S, 3) uint8, the oldest first."""
        self.units: list[Unit] = []
        """What each shows."""
        self.refreshes: list[int] = []
        """The number of the refresh that made each: with the rank and the run's seed, its own seed."""

    @property
    def counts(self) -> tuple[int]:
        """How many images there are, all of one source."""
        return (len(self.images),)

    def __len__(self) -> int:
        return len(self.images)

    def add(self, images: np.ndarray, units: Sequence[Unit], refresh: int) -> None:
        """Take in images (n, S, S, 3) uint8 in the place of the oldest."""
        self.images = np.concatenate([self.images, images])[-self.capacity :]
        self.units = [*self.units, *units][-self.capacity :]
        self.refreshes = [*self.refreshes, *[refresh] * len(units)][-self.capacity :]

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {
            "images": torch.from_numpy(self.images),
            "layers": [unit.layer for unit in self.units],
            "channels": [unit.channel for unit in self.units],
            "refreshes": self.refreshes,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.images = current(state)["images"].numpy()
        self.units = [Unit(*pair) for pair in zip(state["layers"], state["channels"], strict=True)]
        self.refreshes = list(state["refreshes"])


class Iterative(Method):
    """PixMix with a pool of feature visualisations of the network in training; without one, of inputs alone.

    What a refresh makes is a function of the network, (seed, rank, number of the refresh) and the settings: on a CPU
    with one thread bit for bit.

    Args:
        network: takes normalised input; it is only looked at, here and in `on_step`.

    Raises:
        InputError: the network has no convolution, cannot be copied or cannot take the images; `--mix.partner` is
            not "both".
    """

    name = "iterative"
    keys = ("image",)
    in_loader = False
    in_graph = True  # refreshes come between the steps

    def __init__(
        self, config: TrainConfig, data: TrainingData, network: nn.Module, folder: RunFolder, processes: Processes
    ) -> None:
        self.settings: IterativeSettings = config.iterative
        self.seed, self.data, self.folder, self.processes = config.seed, data, folder, processes
        self.amp = precision(config.amp, processes.device)
        self.layers = _convolutions(network, data.size)
        self.pool = FVisPool(self.settings.size, data.size)
        if config.mix.partner != "both":
            raise InputError(f"mix.partner {config.mix.partner}: the method iterative mixes both; leave it out")
        self.alone = PixMixMethod("mix-input", settings=config.mix)
        self.mixing = PixMixMethod("pixmix", settings=config.mix, pool=self.pool)
        self.schedule = Schedule(self.settings.every, self.settings.budget, agree=self._most)
        self._stepped: float | None = None

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        return (self.mixing if len(self.pool) else self.alone).augment_array(batch, key, indices)

    def augment_tensor(self, batch: torch.Tensor, key: Key, indices: np.ndarray) -> torch.Tensor:
        return (self.mixing if len(self.pool) else self.alone).augment_tensor(batch, key, indices)

    def on_step(self, network: nn.Module) -> None:
        """Refresh the pool if it is time."""
        if self.schedule.measures:
            self._wait()
            if self._stepped is not None:
                self.schedule.step_times.append(time.perf_counter() - self._stepped)
        if self.schedule.due:
            self._wait()
            start = time.perf_counter()
            self.processes.level(network)
            self.refresh(network)
            self.schedule.refreshed(time.perf_counter() - start)
        self.schedule.step()
        self._stepped = time.perf_counter()

    def ahead(self) -> int:
        """As many as come before the next refresh, after which images are mixed with others."""
        return self.schedule.left

    def refresh(self, network: nn.Module) -> None:
        """Optimise images of random units of the network as it is now; they take the place of the oldest."""
        words = philox.words(
            Key(self.seed, self.schedule.refreshes + 1),
            np.arange(self.settings.batch),
            philox.FVIS,
            4 * ATTEMPTS,
            first=4 * ATTEMPTS * self.processes.rank,
        ).reshape(self.settings.batch, ATTEMPTS, 4)
        # Of each image's attempt: which unit, nothing, two halves of a seed.
        depths = [self.layers.index(_pick(self.layers, image[0, 0])[0]) for image in words]
        words = words[np.argsort(depths, kind="stable")]
        chunk = CPU_CHUNK if self.processes.device.type == "cpu" else len(words)
        for first in range(0, len(words), chunk):
            self._visualise(network, words[first : first + chunk])

    def _visualise(self, network: nn.Module, words: np.ndarray) -> None:
        """Add images to the pool, all optimised together: one for each row of words (n, attempts, 4) uint32."""
        first = [_pick(self.layers, image[0, 0]) for image in words]
        # What takes the place of a dead unit comes from the same layers, so that the network is run no deeper.
        own = [layer for layer in self.layers if layer in {layer for layer, _ in first}]

        def choose(index: int, attempt: int) -> Unit:
            layer, channel = _pick(own, words[index, attempt, 0]) if attempt else first[index]
            return Unit(layer.name, channel)

        seeds = (words[:, 0, 2].astype(np.uint64) | (words[:, 0, 3].astype(np.uint64) << np.uint64(32))).tolist()
        made = visualise(
            folded(_uncompiled(network), [layer.name for layer in own], self.data.size),
            choose,
            seeds,
            mean=self.data.mean,
            std=self.data.std,
            size=self.data.size,
            steps=self.settings.steps,
            lr=self.settings.lr,
            amp=self.amp,
        )
        self.pool.add(made.images, made.units, self.schedule.refreshes + 1)

    def on_epoch(self, epoch: int, seconds: float) -> tuple[dict[str, Any], str]:
        """Draw the pool; say how many refreshes there were and what they took, in the slowest process."""
        self._stepped = None  # a test of the network lies between the epoch's last step and the next
        if len(self.pool) and self.processes.leads:
            self._draw(epoch)
        refreshes, spent = self.schedule.end_epoch()
        spent = max(all_gather(spent))
        entry = {
            "refreshes": refreshes,
            "last_refresh": self.schedule.refreshes,
            "refresh_seconds": round(spent, 3),
            "refresh_share": round(spent / seconds, 4),
            "refresh_every": self.schedule.every,
        }
        words = f"{spent / seconds:.0%} of it for {refreshes} refresh{'' if refreshes == 1 else 'es'}"
        return entry, f"{words}, one every {self.schedule.every} steps"

    def _draw(self, epoch: int) -> None:
        """Write the contact sheet of an epoch: images spread over the pool, in the order of the layers."""
        depths = {layer.name: depth for depth, layer in enumerate(self.layers)}
        spread = np.linspace(0, len(self.pool) - 1, min(SHOWN, len(self.pool))).astype(int).tolist()
        indices = sorted(spread, key=lambda index: (depths[self.pool.units[index].layer], index))
        page = sheet(
            [self.pool.images[index] for index in indices],
            [f"{self.pool.units[index].layer}:{self.pool.units[index].channel}" for index in indices],
            title=f"Epoch {epoch}: the pool after refresh {self.schedule.refreshes}",
            columns=6,
            tile=128,
            letters=20,  # the report shows a sheet at about half its size
        )
        save_image(page, self.folder.sheet(epoch))

    def state_dict(self) -> dict[str, Any]:
        return {"pool": self.pool.state_dict(), "schedule": self.schedule.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if state.keys() != {"pool", "schedule"}:
            raise InputError(
                "method iterative: the checkpoint has no pool; go on with the method the run was started with"
            )
        self.pool.load_state_dict(state["pool"])
        self.schedule.load_state_dict(state["schedule"])

    def _most(self, every: int) -> int:
        return max(all_gather(every))

    def _wait(self) -> None:
        """Until the device has done what it was given, so that the clock measures it."""
        if self.processes.device.type == "cuda":
            torch.cuda.synchronize(self.processes.device)


def _convolutions(network: nn.Module, size: int) -> list[Layer]:
    """All convolutions of the network in the order it reaches them; a trial copy is made, too, as refreshes need it."""
    copied = folded(_uncompiled(network), [], size)
    found = [layer for layer in list_layers(copied, size) if layer.kind == CONVOLUTION]
    if not found:
        raise InputError(
            "method iterative: visualises convolutions, but the network has none; choose another `network`"
        )
    return found


def _uncompiled(network: nn.Module) -> nn.Module:
    """The network that torch.compile wraps; another one as it is."""
    return getattr(network, "_orig_mod", network)


def _pick(layers: Sequence[Layer], word: int) -> tuple[Layer, int]:
    """A layer and one of its channels, all pairs equally likely over the 32-bit words."""
    index = int(word) * sum(layer.channels for layer in layers) >> 32
    for layer in layers:
        if index < layer.channels:
            return layer, index
        index -= layer.channels
    raise AssertionError("a word has 32 bits")
