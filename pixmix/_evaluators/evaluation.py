"""A network under evaluation: evaluators ask it for logits, each of which is made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixset._common.errors import InputError

from .. import measures
from .._common.distributed import rank_and_count
from .._common.normalized import Normalized
from ..readers import VideoFiles
from .attacks import Ball, PGDSettings, pgd
from .forwarding import (
    Batch,
    ImageSet,
    array_fingerprint,
    as_logits,
    network_errors,
    read_ahead,
    run_batches,
    to_device,
)
from .outliers import SYNTHETIC
from .store import LogitsStore

Metrics = Iterator[tuple[str, dict[str, Any]]]
"""Names of measures and their values, ready for JSON: `value`, `n`, `interval` and what else belongs to it."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A network, the clean test images and the other sets."""

    network: nn.Module
    given: ImageSet | None
    """The test images; None where no suite asks for them."""
    sets: Mapping[str, Any]
    """Suite → its opened set, of `pixmix.readers`; "ood" for real outliers."""
    batch_size: int
    device: torch.device
    seed: int
    attack: PGDSettings
    store: LogitsStore
    workers: int
    quiet: bool

    @property
    def images(self) -> ImageSet:
        """The test images."""
        if self.given is None:
            raise InputError("data: this measure needs labelled test images, too")
        return self.given

    def clean(self) -> tuple[np.ndarray, np.ndarray]:
        """Logits (N, classes) and labels (N,) of the test images."""
        return self._labelled("clean", self.images, "clean images")

    def classes(self, size: tuple[int, int]) -> int:
        """How many classes the network tells apart, in images of this size."""
        with network_errors(f"images of {size[1]}x{size[0]} px"):
            return self.network(torch.zeros(1, 3, *size, device=self.device)).shape[1]

    def labelled(self, name: str, data: Any, what: str) -> tuple[np.ndarray, np.ndarray]:
        """Logits and labels of another labelled set, in a form that `ImageSet` takes; `name` is the file's."""
        return self._labelled(name, ImageSet(data, workers=self.workers), what)

    def _labelled(self, name: str, images: ImageSet, what: str) -> tuple[np.ndarray, np.ndarray]:
        def forward(batch: Batch) -> tuple[Tensor, np.ndarray, np.ndarray]:
            given, labels, indices = batch
            return self.network(to_device(given, self.device)), labels, indices

        return self._run(name, "", images.fingerprint, what, partial(self._batches, images), forward, len(images))

    def attacked(self, ball: Ball) -> tuple[np.ndarray, np.ndarray]:
        """Logits and labels of PGD's adversaries of the test images."""
        classes, settings = self.clean()[0].shape[1], self.attack_around(ball)

        def forward(batch: Batch) -> tuple[Tensor, np.ndarray, np.ndarray]:
            images, labels, indices = batch
            if labels.min() < 0 or labels.max() >= classes:
                raise InputError(f"labels run from {labels.min()} to {labels.max()}, the network has {classes} classes")
            targets = torch.from_numpy(labels).to(self.device)
            clean = to_device(images, self.device)
            attack = partial(pgd, self.network, indices=indices, seed=self.seed, settings=settings)
            return self.network(attack(clean, targets)), labels, indices

        name, what = f"pgd_{ball}", f"adversaries ({ball} ball)"
        protocol, images = f"{settings} seed {self.seed}", self.images
        batches = partial(self._batches, images)
        return self._run(name, protocol, images.fingerprint, what, batches, forward, len(images))

    def attack_around(self, ball: Ball) -> PGDSettings:
        """The settings of the attack with the ball around this."""
        return PGDSettings(**{**asdict(self.attack), "ball": ball})

    def outliers(self, name: str, count: int) -> np.ndarray:
        """Logits (count, classes) of a synthetic out-of-distribution set, fed in behind the normaliser."""
        if not isinstance(self.network, Normalized):
            raise InputError(
                f"anomalies: the synthetic sets live in network-input space, behind the normaliser, but the network is "
                f"a plain {type(self.network).__name__}; wrap it: pixmix.Normalized(network, mean, std)"
            )
        body = self.network.body

        def forward(indices: np.ndarray) -> tuple[Tensor, np.ndarray, np.ndarray]:
            made = SYNTHETIC[name](indices, self.images.size, seed=self.seed)
            inputs = torch.from_numpy(np.ascontiguousarray(made)).to(self.device)
            return body(inputs), np.full(len(indices), -1), indices

        protocol = f"count {count} size {self.images.size} seed {self.seed}"
        batches = partial(self._indices, count, self.batch_size)
        return self._run(f"outliers_{name}", protocol, lambda: "", f"{name} outliers", batches, forward, count)[0]

    def real_outliers(self, name: str, data: Any, chosen: np.ndarray) -> np.ndarray:
        """Logits (count, classes) of real out-of-distribution images, those at `chosen` of their set."""
        images = ImageSet(data, workers=self.workers)

        def forward(batch: Batch) -> tuple[Tensor, np.ndarray, np.ndarray]:
            given, labels, indices = batch
            return self.network(to_device(given, self.device)), labels, indices

        batches = partial(self._batches, images)
        protocol, what = f"places {chosen.tolist()}", f"{name} outliers"
        return self._run(f"ood_{name}", protocol, images.fingerprint, what, batches, forward, len(images))[0]

    def sequences(self, name: str, data: np.ndarray | VideoFiles, what: str) -> np.ndarray:
        """The classes of the largest logits of each frame, (N, frames, up to 5) int32, of (N, frames, H, W, 3)."""
        count, frames = len(data), data.shape[1] if isinstance(data, np.ndarray) else data.shape[0]
        workers = 0 if isinstance(data, np.ndarray) else self.workers

        def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            indices = list(self._indices(count, max(self.batch_size // frames, 1)))
            return zip(indices, read_ahead(partial(_sequences, data), indices, workers), strict=True)

        def forward(batch: tuple[np.ndarray, np.ndarray]) -> tuple[Tensor, np.ndarray, np.ndarray]:
            indices, some = batch
            given = self.network(to_device(some.reshape(-1, *some.shape[2:]), self.device))
            top = torch.from_numpy(measures.top_classes(as_logits(given, len(some) * frames, what))).float()
            return top.view(len(indices), -1), np.full(len(indices), -1), indices

        def fingerprint() -> str | None:
            return array_fingerprint(data) if isinstance(data, np.ndarray) else data.fingerprint()

        top, _ = self._run(f"p-{name}", "top classes", fingerprint, what, batches, forward, count)
        return top.astype(np.int32).reshape(count, frames, -1)

    def _batches(self, images: ImageSet) -> Iterator[Batch]:
        """This process's share of a set."""
        return images.batches(self.batch_size, *rank_and_count())

    @staticmethod
    def _indices(count: int, batch_size: int) -> Iterator[np.ndarray]:
        """This process's share of the numbers below `count`, in batches."""
        rank, world = rank_and_count()
        for start in range(rank * batch_size, count, world * batch_size):
            yield np.arange(start, min(start + batch_size, count))

    def _run(
        self,
        name: str,
        protocol: str,
        fingerprint: Callable[[], str | None],
        what: str,
        batches: Callable[[], Iterator[Any]],
        forward: Callable[[Any], tuple[Tensor, np.ndarray, np.ndarray]],
        count: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Logits and labels, made or fetched. Args: as `LogitsStore.fetch` and `run_batches` have them."""

        def compute() -> dict[str, np.ndarray]:
            return run_batches(batches(), forward, count, what, quiet=self.quiet)

        arrays = self.store.fetch(name, f"{name} {protocol}", fingerprint, compute, keep=name == "clean")
        return arrays["logits"], arrays["labels"]


def _sequences(data: np.ndarray | VideoFiles, indices: np.ndarray) -> np.ndarray:
    return np.stack([data[index] for index in indices])
