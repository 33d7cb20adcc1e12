"""A network under evaluation: evaluators ask it for logits, each of which is computed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixset._common.errors import InputError

from .. import measures
from .._common.attack import PGDSettings
from .._common.normalized import Normalized
from .._common.precisions import EvalPrecision
from ..readers import VideoFiles
from .attacks import Ball, pgd, protocol
from .forwarding import Forward, network_errors, run_batches, to_device
from .image_sets import Batch, Images, ImageSet, SequenceSet, given_as
from .outliers import SyntheticSet
from .store import LogitsStore

Metrics = Iterator[tuple[str, dict[str, Any]]]
"""Names of measures and their values, ready for JSON: `value`, `n`, `interval` and what else belongs to it."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A network, the clean test images and the other sets."""

    network: nn.Module
    test: ImageSet | None
    """The test images; None where no suite asks for them."""
    held: ImageSet | None
    """Labelled images that are neither trained nor measured on; None where there are none."""
    sets: Mapping[str, Any]
    """Suite → its opened set, of `pixmix.readers`; "ood" for real outliers."""
    batch_size: int
    device: torch.device
    seed: int
    attack: PGDSettings
    precision: EvalPrecision
    store: LogitsStore
    workers: int
    quiet: bool

    @property
    def images(self) -> ImageSet:
        """The test images."""
        if self.test is None:
            raise InputError("data: this measure needs labelled test images, too")
        return self.test

    def classes(self, size: tuple[int, int]) -> int:
        """How many classes the network tells apart, in images of this size."""
        with network_errors(f"images of {size[1]}x{size[0]} px"):
            return self.network(torch.zeros(1, 3, *size, device=self.device)).shape[1]

    def clean(self) -> tuple[np.ndarray, np.ndarray]:
        """Logits (N, classes) and labels (N,) of the test images."""
        return self._logits("clean", "clean images", self.images, self._forward)

    def held_out(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Logits and labels of the held-out images, where there are some."""
        if self.held is None:
            return None
        with given_as("held_out"):
            return self._logits("held_out", "held-out images", self.held, self._forward)

    def labelled(self, name: str, data: Any, what: str) -> tuple[np.ndarray, np.ndarray]:
        """Logits and labels of another labelled set, in a form that `ImageSet` takes; `name` is the file's."""
        return self._logits(name, what, ImageSet(data, workers=self.workers), self._forward)

    def attacked(self, ball: Ball) -> tuple[np.ndarray, np.ndarray]:
        """Logits and labels of PGD's adversaries of the test images."""
        forward = partial(self._forward_attacked, ball, self.clean()[0].shape[1])
        # Spelt as the files of earlier versions have it, so that their logits are used again.
        settings = ", ".join(f"{name}={value!r}" for name, value in protocol(self.attack, ball).items())
        words = f"PGDSettings({settings}) seed {self.seed}"
        return self._logits(f"pgd_{ball}", f"adversaries ({ball} ball)", self.images, forward, words)

    def outliers(self, name: str, count: int) -> np.ndarray:
        """Logits (count, classes) of a synthetic out-of-distribution set, whose images bypass the normaliser."""
        if not isinstance(self.network, Normalized):
            raise InputError(
                f"anomalies: the synthetic sets live in network-input space, behind the normaliser, but the network is "
                f"a plain {type(self.network).__name__}; wrap it: pixmix.Normalized(network, mean, std)"
            )
        images = SyntheticSet(name, count, self.images.size, seed=self.seed)
        forward = partial(self._forward_unnormalised, self.network.body)
        words = f"count {count} size {self.images.size} seed {self.seed}"
        return self._logits(f"outliers_{name}", f"{name} outliers", images, forward, words)[0]

    def real_outliers(self, name: str, data: Any, indices: np.ndarray) -> np.ndarray:
        """Logits (count, classes) of real out-of-distribution images: `data`, the images at `indices` of their set."""
        images = ImageSet(data, workers=self.workers)
        words = f"places {indices.tolist()}"  # in the keys of earlier versions' files, too
        return self._logits(f"ood_{name}", f"{name} outliers", images, self._forward, words)[0]

    def sequences(self, name: str, data: np.ndarray | VideoFiles, what: str) -> np.ndarray:
        """The classes of the largest logits of each frame, (N, frames, up to 5) int32, of (N, frames, H, W, 3)."""
        images = SequenceSet(data, workers=self.workers)
        top, _ = self._logits(f"p-{name}", what, images, self._forward_frames, "top classes", frames=images.frames)
        return top.astype(np.int32).reshape(len(images), images.frames, -1)

    def _forward(self, batch: Batch) -> Tensor:
        return self.network(to_device(batch.images, self.device))

    def _forward_attacked(self, ball: Ball, classes: int, batch: Batch) -> Tensor:
        labels = batch.labels
        if labels.min() < 0 or labels.max() >= classes:
            raise InputError(f"labels run from {labels.min()} to {labels.max()}, the network has {classes} classes")
        adversaries = pgd(
            self.network,
            to_device(batch.images, self.device),
            torch.from_numpy(labels).to(self.device),
            settings=self.attack,
            ball=ball,
            indices=batch.indices,
            seed=self.seed,
        )
        return self.network(adversaries)

    def _forward_unnormalised(self, body: nn.Module, batch: Batch) -> Tensor:
        return body(torch.from_numpy(batch.images).to(self.device))

    def _forward_frames(self, batch: Batch) -> Tensor:
        """The logits of all frames of some sequences, one after the other."""
        return self.network(to_device(batch.images.reshape(-1, *batch.images.shape[2:]), self.device))

    def _logits(
        self, name: str, what: str, images: Images, forward: Forward, protocol: str = "", frames: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Logits and labels of a set of images, from the store or from the network.

        Args:
            name: of the file.
            what: the images' name in the progress line and in errors.
            protocol: in words, what the logits depend on beside network and images, such as a seed.
            frames: of sequences, of which the top classes are kept in place of the logits.
        """
        # The keys of float32 are those of versions that knew no other format.
        key, arrays = self.store.find(name, protocol if self.precision == "float32" else f"{protocol} bf16", images)
        if arrays is None:
            kept: dict[str, Any] = {"rows": frames, "reduce": partial(_top_classes, frames)} if frames else {}
            arrays = run_batches(images, forward, self.batch_size, what, quiet=self.quiet, **kept)
            self.store.write(name, key, arrays)
        return arrays["logits"], arrays["labels"]


def _top_classes(frames: int, logits: np.ndarray) -> np.ndarray:
    """The top classes of all frames of a sequence in one row, as floats: what is stored of it, for logits."""
    return measures.top_classes(logits).astype(np.float32).reshape(len(logits) // frames, -1)
