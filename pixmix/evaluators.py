"""`evaluate`: a classifier's safety measures on any labelled picture set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixset.errors import InputError

from . import measures
from .attacks import BALLS, PGDSettings, pgd
from .forwarding import (
    Batch,
    LogitsStore,
    PictureSet,
    evaluating,
    home_device,
    network_fingerprint,
    run_batches,
    to_device,
)
from .normalized import Normalized
from .outliers import SYNTHETIC

Metrics = Iterator[tuple[str, dict[str, Any]]]
"""Names of measures and their values, ready for JSON: `value`, `n` and what else belongs to it."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A network and a picture set under evaluation; evaluators ask it for logits, each of which is made once."""

    network: nn.Module
    pictures: PictureSet
    batch_size: int
    device: torch.device
    seed: int
    store: LogitsStore
    quiet: bool

    def clean(self) -> tuple[np.ndarray, np.ndarray]:
        """Logits (N, classes) and labels (N,) of the picture set."""

        def forward(batch: Batch) -> tuple[Tensor, np.ndarray]:
            pictures, labels, _ = batch
            return self.network(to_device(pictures, self.device)), labels

        return self._run("clean", "", "clean pictures", self._batches, forward, len(self.pictures))

    def attacked(self, settings: PGDSettings) -> tuple[np.ndarray, np.ndarray]:
        """Logits and labels of PGD's adversaries of the picture set."""
        classes = self.clean()[0].shape[1]

        def forward(batch: Batch) -> tuple[Tensor, np.ndarray]:
            pictures, labels, indices = batch
            if labels.min() < 0 or labels.max() >= classes:
                raise InputError(f"labels run from {labels.min()} to {labels.max()}, the network has {classes} classes")
            targets = torch.from_numpy(labels).to(self.device)
            clean = to_device(pictures, self.device)
            attack = partial(pgd, self.network, indices=indices, seed=self.seed, settings=settings)
            return self.network(attack(clean, targets)), labels

        name, what = f"pgd_{settings.ball}", f"adversaries ({settings.ball} ball)"
        return self._run(name, f"{settings} seed {self.seed}", what, self._batches, forward, len(self.pictures))

    def outliers(self, name: str, count: int) -> np.ndarray:
        """Logits (count, classes) of a synthetic out-of-distribution set, fed in behind the normaliser."""
        if not isinstance(self.network, Normalized):
            raise InputError(
                f"anomalies: the synthetic sets live in network-input space, behind the normaliser, but the network is "
                f"a plain {type(self.network).__name__}; wrap it: pixmix.Normalized(network, mean, std)"
            )
        body = self.network.body

        def forward(indices: np.ndarray) -> tuple[Tensor, np.ndarray]:
            made = SYNTHETIC[name](indices, self.pictures.size, seed=self.seed)
            inputs = torch.from_numpy(np.ascontiguousarray(made)).to(self.device)
            return body(inputs), np.full(len(indices), -1)

        def batches() -> Iterator[np.ndarray]:
            for start in range(0, count, self.batch_size):
                yield np.arange(start, min(start + self.batch_size, count))

        protocol = f"count {count} size {self.pictures.size} seed {self.seed}"
        return self._run(f"outliers_{name}", protocol, f"{name} outliers", batches, forward, count)[0]

    def _batches(self) -> Iterator[Batch]:
        return self.pictures.batches(self.batch_size)

    def _run(
        self,
        name: str,
        protocol: str,
        what: str,
        batches: Callable[[], Iterator[Any]],
        forward: Callable[[Any], tuple[Tensor, np.ndarray]],
        count: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Logits and labels, made or fetched. Args: as `LogitsStore.fetch` and `run_batches` have them."""

        def compute() -> dict[str, np.ndarray]:
            return run_batches(batches(), forward, count, what, quiet=self.quiet)

        arrays = self.store.fetch(name, f"{name} {protocol}", compute)
        return arrays["logits"], arrays["labels"]


def clean(evaluation: Evaluation) -> Metrics:
    """Clean error."""
    logits, labels = evaluation.clean()
    yield "error", {"value": measures.error(logits, labels), "n": len(labels)}


def calibration(evaluation: Evaluation) -> Metrics:
    """RMS calibration error on the clean pictures, the paper's code's form and that of all bins."""
    logits, labels = evaluation.clean()
    bins = measures.reliability(logits, labels)
    yield "rms_reference", {"value": measures.rms_of_bins(bins, last_bin=False), "n": len(labels)}
    yield "rms_all_bins", {"value": measures.rms_of_bins(bins, last_bin=True), "n": len(labels)}
    yield "reliability", {**{name: array.tolist() for name, array in vars(bins).items()}, "n": len(labels)}


def adversaries(evaluation: Evaluation) -> Metrics:
    """Error under PGD, around the noised picture as in the paper's code and around the picture."""
    for ball in reversed(BALLS):
        settings = PGDSettings(ball=ball)
        logits, labels = evaluation.attacked(settings)
        value = {"value": measures.error(logits, labels), "n": len(labels)}
        yield f"pgd_error_{ball}", {**value, **asdict(settings), "seed": evaluation.seed}


def anomalies(evaluation: Evaluation) -> Metrics:
    """AUROC, AUPR and FPR95 of the synthetic sets by the outlier-exposure protocol, and their mean.

    One outlier to five test pictures, outliers positive, scored by minus the maximum softmax probability.
    """
    logits, _ = evaluation.clean()
    known, count = measures.msp(logits), len(logits) // 5
    if count == 0:
        raise InputError(f"anomalies: one outlier to five pictures is used, so 5 are needed; there are {len(logits)}")
    functions = {"auroc": measures.auroc, "aupr": measures.aupr, "fpr95": measures.fpr95}
    values: dict[str, list[float]] = {name: [] for name in functions}
    for outliers in SYNTHETIC:
        scores = measures.msp(evaluation.outliers(outliers, count))
        for name, function in functions.items():
            values[name].append(function(known, scores))
        counts = {"n": len(known), "n_ood": count, "seed": evaluation.seed}
        yield outliers, {name: {"value": found[-1], **counts} for name, found in values.items()}
    yield (
        "mean",
        {
            name: {"value": float(np.mean(found)), "n": len(known), "sets": list(SYNTHETIC)}
            for name, found in values.items()
        },
    )


EVALUATORS: dict[str, Callable[[Evaluation], Metrics]] = {
    "clean": clean,
    "calibration": calibration,
    "adversaries": adversaries,
    "anomalies": anomalies,
}
"""Every suite by the name that `--suite` takes."""


def evaluate(
    network: nn.Module,
    suite: str | Sequence[str],
    data: Any,
    *,
    batch_size: int = 250,
    device: str | torch.device | None = None,
    seed: int = 0,
    logits_folder: str | Path | None = None,
    workers: int = 0,
    progress: bool = False,
) -> dict[str, Any]:
    """Measure a classifier: `{suite: {measure: {"value": ..., "n": ...}}}`, ready for `metrics.json`.

    The network is evaluated in float32 and eval mode and left as it was found; no global generator is touched.
    Batch size changes results by rounding only.

    Args:
        network: takes (N, 3, H, W) float pictures in [0, 1], gives (N, classes) logits; "anomalies" needs a
            `pixmix.Normalized` one.
        suite: names out of `EVALUATORS`.
        data: (pictures (N, H, W, 3) uint8, labels (N,)), or a sequence or Dataset of (picture, label) with pictures as
            PIL images, (C, H, W) uint8 tensors or (H, W, C) uint8 arrays.
        device: where to evaluate; by default where the network's weights are.
        seed: of PGD's random start and of the synthetic sets.
        logits_folder: keeps logits as `NAME.npz` (`logits` (N, classes), `labels` (N,)), which a later evaluation of
            the same network and pictures uses again.
        workers: processes that read a Dataset.
        progress: whether to show pictures per second and time left on stderr.

    Raises:
        InputError: an unknown suite, bad data, logits that are not finite.
    """
    names = [suite] if isinstance(suite, str) else list(suite)
    for name in names:
        if name not in EVALUATORS:
            raise InputError(f"unknown suite {name!r}; the suites are {', '.join(EVALUATORS)}")
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1, got {batch_size}")
    pictures = PictureSet(data, workers=workers)
    folder = None if logits_folder is None else Path(logits_folder)
    fingerprints = (None,) if folder is None else (network_fingerprint(network), pictures.fingerprint())
    evaluation = Evaluation(
        network=network,
        pictures=pictures,
        batch_size=batch_size,
        device=home_device(network) if device is None else torch.device(device),
        seed=seed,
        store=LogitsStore(folder, *fingerprints),
        quiet=not progress,
    )
    with evaluating(network, evaluation.device), torch.no_grad():
        return {name: dict(EVALUATORS[name](evaluation)) for name in names}
