"""A network under evaluation: evaluators ask it for logits, each of which is computed once."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from mixset._common.errors import InputError

from .. import measures
from .._common.attack import PGDSettings
from .._common.autoattack import AutoAttackSettings
from .._common.distributed import rank_and_world
from .._common.normalized import Normalized
from .._common.precisions import EvalPrecision
from ..readers import VideoFiles
from ..scores import Head, Material, Outputs, ScoreSettings
from .attacked import Attacked
from .attacks import Ball, protocol
from .forwarding import Forward, network_errors, run_batches, to_device
from .image_sets import Batch, Images, ImageSet, SequenceSet, array_fingerprint, given_as
from .last_layer import LastLayer, find_last_layer
from .odin import Step
from .outliers import SyntheticSet
from .scoring import Prepared, logits_and_labels, prepare
from .store import Arrays, LogitsStore
from .temperatures import Temperature, fit_on
from .turns import Turns

Metrics = Iterator[tuple[str, dict[str, Any]]]
"""Names of measures and their values, ready for JSON: `value`, `n`, `interval` and what else belongs to it."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A network, the clean test images and the other sets."""

    network: nn.Module
    test: ImageSet | None
    """The test images; None where no suite asks for them."""
    held: ImageSet | Literal["split"] | None
    """Labelled images that are neither trained nor measured on; None where there are none; "split": halves of the test
    images are held out for each other."""
    training: ImageSet | None
    """The training images as they are, for scores; None where none needs them."""
    tuning: ImageSet | None
    """Outliers that are not measured, on which settings of scores are tuned; None where there are none."""
    scores: ScoreSettings | None
    """The anomaly scores; None where no suite asks for any."""
    sets: Mapping[str, Any]
    """Suite → its opened set, of `pixmix.readers`; "ood" for real outliers."""
    batch_size: int
    device: torch.device
    seed: int
    attack: PGDSettings
    autoattack: AutoAttackSettings
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
        return logits_and_labels(self.known())

    @cached_property
    def temperature(self) -> Temperature | None:
        """That of the held-out images; None where there are none, or the test images are split."""
        if isinstance(self.held, str):
            return None
        held = self._given("held_out", "held-out images", self.held)
        return None if held is None else fit_on(*logits_and_labels(held))

    def known(self) -> Outputs:
        """Outputs of the test images."""
        return self._outputs("clean", "clean images", self.images, self._forward)

    def outputs(self, name: str, data: Any, what: str, protocol: str = "") -> Outputs:
        """Outputs of other images, in a form that `ImageSet` takes, as scores want them; arguments as of `_arrays`."""
        return self._outputs(name, what, ImageSet(data, workers=self.workers), self._forward, protocol)

    def prepared(self) -> dict[str, Prepared]:
        """The scores by name, prepared from training and held-out images where they need them."""
        settings = self.scores or ScoreSettings()
        held = None
        if self._wants("validation"):
            assert not isinstance(self.held, str), "check_scores has refused it"
            held = self._given("held_out", "held-out images", self.held)
        return prepare(
            settings,
            Material(
                training=self._given("training", "training images", self.training),
                validation=held,
                head=self.head() if "head" in settings.needs else None,
                seed=self.seed,
            ),
            self._given("tuning", "outliers to tune on", self.tuning),
        )

    def head(self) -> Head:
        """The last layer's weight and bias."""
        head = self.last_layer.head()
        if head is None:
            raise InputError(
                f"layer {self.last_layer.name}: the logits are not what it makes of its input, so there is no weight "
                "and bias for the scores; leave out those that need the last layer"
            )
        return head

    @cached_property
    def last_layer(self) -> LastLayer:
        """The layer that takes the features."""
        assert self.scores is not None, "only scores want features"
        height, width = self.sets["openood"].size if self.test is None else self.test.size
        trial = torch.linspace(0, 1, 2 * 3 * height * width, device=self.device).view(2, 3, height, width)
        return find_last_layer(self.network, trial, self.scores.layer)

    def _wants(self, need: str) -> bool:
        """Whether the scores need something; held-out images are wanted where there are outliers to tune on, too."""
        return self.scores is not None and (
            need in self.scores.needs or (need == "validation" and self.tuning is not None)
        )

    def _given(self, name: str, what: str, images: ImageSet | None) -> Outputs | None:
        """Outputs of images that are given beside the test images, where they are."""
        if images is None:
            return None
        with given_as(name):
            return self._outputs(name, what, images, self._forward)

    def labelled(self, name: str, data: Any, what: str) -> tuple[np.ndarray, np.ndarray]:
        """Logits and labels of another labelled set, in a form that `ImageSet` takes; `name` is the file's."""
        return self._logits(name, what, ImageSet(data, workers=self.workers), self._forward)

    def marked(self, images: Images) -> tuple[np.ndarray, np.ndarray]:
        """Logits and labels of the test images under ImageNet-W's watermark."""
        return self._logits("w", "watermarked images", images, self._forward)

    def attacked(self, ball: Ball) -> tuple[np.ndarray, np.ndarray]:
        """Logits and labels of PGD's adversaries of the test images."""
        classes = self.clean()[0].shape[1]
        forward = Attacked(self.network, self.device, self.attack, ball=ball, classes=classes, seed=self.seed)
        # Spelt as the files of earlier versions have it, so that their logits are used again.
        settings = ", ".join(f"{name}={value!r}" for name, value in protocol(self.attack, ball).items())
        words = f"PGDSettings({settings}) seed {self.seed}"
        return self._logits(f"pgd_{ball}", f"adversaries ({ball} ball)", self.images, forward, words)

    def outliers(self, name: str, count: int) -> Outputs:
        """Outputs of `count` images of a synthetic out-of-distribution set, whose images bypass the normaliser."""
        if not isinstance(self.network, Normalized):
            raise InputError(
                f"anomalies: the synthetic sets live in network-input space, behind the normaliser, but the network is "
                f"a plain {type(self.network).__name__}; wrap it: pixmix.Normalized(network, mean, std)"
            )
        images = SyntheticSet(name, count, self.images.size, seed=self.seed)
        forward = partial(self._forward_unnormalised, self.network.body)
        words = f"count {count} size {self.images.size} seed {self.seed}"
        return self._outputs(f"outliers_{name}", f"{name} outliers", images, forward, words)

    def real_outliers(self, name: str, data: Any, indices: np.ndarray) -> Outputs:
        """Outputs of real out-of-distribution images: `data`, the images at `indices` of their set."""
        words = f"places {indices.tolist()}"  # in the keys of earlier versions' files, too
        return self.outputs(f"ood_{name}", data, f"{name} outliers", words)

    def sequences(self, name: str, data: np.ndarray | VideoFiles, what: str) -> np.ndarray:
        """The classes of the largest logits of each frame, (N, frames, up to 5) int32, of (N, frames, H, W, 3)."""
        images = SequenceSet(data, workers=self.workers)
        top, _ = self._logits(f"p-{name}", what, images, self._forward_frames, "top classes", frames=images.frames)
        return top.astype(np.int32).reshape(len(images), images.frames, -1)

    def _forward(self, batch: Batch) -> Tensor:
        return self.network(to_device(batch.images, self.device))

    def _forward_unnormalised(self, body: nn.Module, batch: Batch) -> Tensor:
        return body(torch.from_numpy(batch.images).to(self.device))

    def _forward_frames(self, batch: Batch) -> Tensor:
        """The logits of all frames of some sequences, one after the other."""
        return self.network(to_device(batch.images.reshape(-1, *batch.images.shape[2:]), self.device))

    def _outputs(self, name: str, what: str, images: Images, forward: Forward, protocol: str = "") -> Outputs:
        """Logits and labels of a set of images, and their features where a score needs them."""
        arrays = self._arrays(name, what, images, forward, protocol, features=self._wants("features"))
        turned = self._turned(name, what, images, forward, protocol) if self._wants("turned") else None
        return Outputs(
            logits=arrays["logits"],
            features=arrays.get("features"),
            labels=arrays["labels"],
            turned=turned,
            moved=partial(self._moved, name, what, images, protocol) if self._wants("moved") else None,
        )

    def _turned(self, name: str, what: str, images: Images, forward: Forward, protocol: str) -> np.ndarray:
        """What the rotation head says of a set's images turned four times, (4, N, 4) float32."""
        assert self.scores is not None and self.scores.rotations is not None, "check_scores saw that it is there"
        head = self.scores.rotations
        kind = f"{self.last_layer.name} turned {array_fingerprint(head.weight)} {array_fingerprint(head.bias)}"
        key, arrays = self.store.find(f"turned_{name}", self._words(protocol), images, kind)
        if arrays is None:
            turns = Turns(self.last_layer, head, forward, self.device)
            with self.last_layer.watched():
                arrays = run_batches(
                    images, turns, self.batch_size, f"{what}, turned", quiet=self.quiet, beside=turns.said
                )
            self.store.write(f"turned_{name}", key, arrays, kind)
        return arrays["features"].reshape(len(images), 4, 4).transpose(1, 0, 2)

    def _moved(
        self, name: str, what: str, images: Images, protocol: str, temperature: float, epsilon: float
    ) -> np.ndarray:
        """Logits of a set's images after ODIN's step, (N, classes) float32."""
        step = Step(self.network, self.device, temperature=temperature, epsilon=epsilon)
        how = f"{temperature:g} {epsilon:g}"
        file = f"odin_{name}_{how.replace(' ', '_')}"
        return self._logits(file, f"{what}, moved", images, step, f"{protocol} odin {how}")[0]

    def _words(self, protocol: str) -> str:
        """What a key says of how images are forwarded. Those of float32 are of versions that knew no other format."""
        return protocol if self.precision == "float32" else f"{protocol} bf16"

    def _logits(
        self, name: str, what: str, images: Images, forward: Forward, protocol: str = "", frames: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Logits and labels of a set of images; of sequences of so many `frames` the top classes in place of logits."""
        arrays = self._arrays(name, what, images, forward, protocol, frames=frames)
        return arrays["logits"], arrays["labels"]

    def _arrays(
        self,
        name: str,
        what: str,
        images: Images,
        forward: Forward,
        protocol: str,
        *,
        frames: int = 0,
        features: bool = False,
    ) -> Arrays:
        """What is known of a set of images, from the store or from the network.

        Args:
            name: of the file.
            what: the images' name in the progress line and in errors.
            protocol: in words, what the logits depend on beside network and images, such as a seed.
            frames: of sequences, of which the top classes are kept in place of the logits.
            features: keep those, too.
        """
        kept: dict[str, Any] = {"rows": frames, "reduce": partial(_top_classes, frames)} if frames else {}
        kind = self._kind() if features else ""
        key, arrays = self.store.find(name, self._words(protocol), images, kind)
        if arrays is None:
            with contextlib.ExitStack() as stack:
                if kind:
                    stack.enter_context(self.last_layer.watched())
                    assert self.scores is not None, "only scores want features"
                    kept = {"beside": partial(self.last_layer.features, form=self.scores.features)}
                    if not self.quiet and rank_and_world()[0] == 0:
                        size = self.last_layer.size_line(len(images), self.scores.features, self.store.folder)
                        print(f"{what}: {size}", file=sys.stderr)
                arrays = run_batches(images, forward, self.batch_size, what, quiet=self.quiet, **kept)
            self.store.write(name, key, arrays, kind)
            if kind and (head := self.last_layer.head()) is not None:
                self.store.write_head(head, kind)
        return arrays

    def _kind(self) -> str:
        """Which features are kept, in words."""
        assert self.scores is not None, "only scores want features"
        return f"{self.last_layer.name} {self.scores.features}"


def _top_classes(frames: int, logits: np.ndarray) -> np.ndarray:
    """The top classes of all frames of a sequence in one row, as floats: what is stored of it, for logits."""
    return measures.top_classes(logits).astype(np.float32).reshape(len(logits) // frames, -1)
