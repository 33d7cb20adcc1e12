"""`evaluate`: a classifier's safety measures on any labelled picture set, and on the benchmarks made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mixset.errors import InputError

from ..attacks import PGDSettings
from ..forwarding import PictureSet, evaluating, home_device
from .consistency import consistency
from .corrupted import corrupted, renditions
from .evaluation import Evaluation, Metrics
from .saved import evaluate_logits
from .sets import KNOWN, open_sets
from .standard import adversaries, anomalies, calibration, clean
from .store import LogitsStore, network_fingerprint

__all__ = ["EVALUATORS", "Evaluator", "evaluate", "evaluate_logits"]


@dataclass(frozen=True, kw_only=True)
class Evaluator:
    """A suite of measures."""

    measures: Callable[[Evaluation], Metrics]
    of_data: bool = False
    """Whether it asks for the clean test pictures."""
    of_set: bool = False
    """Whether it asks for a set of its own name."""


EVALUATORS: dict[str, Evaluator] = {
    "clean": Evaluator(measures=clean, of_data=True),
    "calibration": Evaluator(measures=calibration, of_data=True),
    "adversaries": Evaluator(measures=adversaries, of_data=True),
    "anomalies": Evaluator(measures=anomalies, of_data=True),
    "c": Evaluator(measures=corrupted("c"), of_set=True),
    "cbar": Evaluator(measures=corrupted("cbar"), of_set=True),
    "p": Evaluator(measures=consistency, of_set=True),
    "r": Evaluator(measures=renditions, of_set=True),
}
"""Every suite by the name that `--suite` takes."""


def evaluate(
    network: nn.Module,
    suite: str | Sequence[str],
    data: Any = None,
    *,
    sets: Mapping[str, Any] | None = None,
    resize: bool = False,
    partial: bool = False,
    attack: PGDSettings | None = None,
    batch_size: int = 250,
    device: str | torch.device | None = None,
    seed: int = 0,
    logits_folder: str | Path | None = None,
    workers: int = 0,
    progress: bool = False,
) -> dict[str, Any]:
    """Measure a classifier: `{suite: {measure: {"value": ..., "n": ...}}}`, ready for `metrics.json`.

    The network is evaluated in float32 and eval mode and left as it was found; no global generator is touched.
    Batch size changes results by rounding only. Where `torch.distributed` is in use all processes call this together;
    each forwards its share of every set, and all return the same.

    Args:
        network: takes (N, 3, H, W) float pictures in [0, 1], gives (N, classes) logits; "anomalies" needs a
            `pixmix.Normalized` one.
        suite: names out of `EVALUATORS`.
        data: (pictures (N, H, W, 3) uint8, labels (N,)), or a sequence or Dataset of (picture, label) with pictures as
            PIL images, (C, H, W) uint8 tensors or (H, W, C) uint8 arrays; the suites c, cbar, p and r need none.
        sets: suite → the folder of its set in its official layout, or one of `pixmix.readers` opened: "c", "cbar", "p",
            "r", and "ood", out-of-distribution sets for "anomalies" (a folder of sets, or paths by name).
        resize: enlarge and crop pictures of ImageNet-C and C̄ before, as the paper's code does (docs/parity.md).
        partial: leave out what is missing in a set and say so in the result, instead of refusing it.
        attack: for "adversaries"; default the paper's for CIFAR. Both balls are measured.
        device: where to evaluate; by default where the network's weights are.
        seed: of PGD's random start, the synthetic sets, the choice of outliers and the intervals.
        logits_folder: keeps logits as `NAME.npz` (`logits` (N, classes), `labels` (N,)), which a later evaluation of
            the same network and pictures uses again; a killed evaluation goes on after the last set.
        workers: processes that read a Dataset.
        progress: whether to show pictures per second and time left on stderr.

    Raises:
        InputError: an unknown suite, bad data, a missing or damaged set, logits that are not finite.
    """
    names = [suite] if isinstance(suite, str) else list(dict.fromkeys(suite))
    sets = dict(sets or {})
    for name in names:
        if name not in EVALUATORS:
            raise InputError(f"unknown suite {name!r}; the suites are {', '.join(EVALUATORS)}")
        if EVALUATORS[name].of_data and data is None:
            raise InputError(f"suite {name}: needs labelled test pictures")
        if EVALUATORS[name].of_set and name not in sets:
            raise InputError(
                f"suite {name}: needs the folder of its set"
                + ("" if name == "r" else "; `pixmix corrupt` makes one of any pictures")
            )
    if unknown := [name for name in sets if name not in KNOWN]:
        raise InputError(f"sets: no suite {unknown[0]!r} has one; known: {', '.join(KNOWN)}")
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1, got {batch_size}")
    pictures = None if data is None else PictureSet(data, workers=workers)
    size = None if pictures is None else pictures.size
    wanted = {name: at for name, at in sets.items() if ("anomalies" if name == "ood" else name) in names}
    opened = open_sets(wanted, size, resize=resize, partial=partial)
    folder = None if logits_folder is None else Path(logits_folder)
    evaluation = Evaluation(
        network=network,
        given=pictures,
        sets=opened,
        batch_size=batch_size,
        device=home_device(network) if device is None else torch.device(device),
        seed=seed,
        attack=attack or PGDSettings(),
        store=LogitsStore(folder, "" if folder is None else network_fingerprint(network)),
        workers=workers,
        quiet=not progress,
    )
    with evaluating(network, evaluation.device), torch.no_grad():
        return {name: dict(EVALUATORS[name].measures(evaluation)) for name in names}
