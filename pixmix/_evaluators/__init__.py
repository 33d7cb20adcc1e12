"""`evaluate`: a classifier's safety measures on any labelled image set, and on the benchmarks made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mixset._common.arguments import check_flag, check_list, check_path, check_whole
from mixset._common.errors import InputError, reason

from .._common.keyed import torch_generator_kept
from ..readers._labels import ClassMap, Known
from .attacks import PGDSettings
from .consistency import consistency
from .corrupted import R_CLASSES, corrupted, renditions
from .evaluation import Evaluation, Metrics
from .forwarding import ImageSet, evaluating, home_device
from .saved import evaluate_logits
from .sets import KNOWN, check_set, open_sets
from .standard import FEWEST, adversaries, anomalies, calibration, clean
from .store import LogitsStore, network_fingerprint

__all__ = ["EVALUATORS", "Evaluator", "check", "evaluate", "evaluate_logits"]


@dataclass(frozen=True, kw_only=True)
class Evaluator:
    """A suite of measures."""

    measures: Callable[[Evaluation], Metrics]
    of_data: bool = False
    """Whether it asks for the clean test images."""
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


@torch_generator_kept()
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

    A measure that is not defined for so few images has no value, and says why under `undefined`.

    The network is evaluated in float32 and eval mode and left as it was found; no global generator is touched.
    Batch size changes results by rounding only. Where `torch.distributed` is in use all processes call this together;
    each forwards its share of every set, and all return the same.

    Args:
        network: takes (N, 3, H, W) float images in [0, 1], gives (N, classes) logits; "anomalies" needs a
            `pixmix.Normalized` one.
        suite: names out of `EVALUATORS`.
        data: (images (N, H, W, 3) uint8, labels (N,)), or a sequence or Dataset of (image, label) with images as
            PIL images, (C, H, W) uint8 tensors or (H, W, C) uint8 arrays, or floats in [0, 1]; or a DataLoader of
            batches (images, labels) of such, each of whose images is measured once, whether it shuffles or not.
            The suites c, cbar, p and r need none.
        sets: suite → the folder of its set in its official layout, or one of `pixmix.readers` opened: "c", "cbar", "p",
            "r", and "ood", out-of-distribution sets for "anomalies" (a folder of sets, or paths by name).
        resize: enlarge and crop images of ImageNet-C and C̄ before, as the paper's code does (docs/parity.md).
        partial: leave out what is missing in a set and say so in the result, instead of refusing it.
        attack: for "adversaries"; default the paper's for CIFAR. Both balls are measured.
        device: where to evaluate; by default where the network's weights are.
        seed: of PGD's random start, the synthetic sets, the choice of outliers and the intervals.
        logits_folder: keeps logits as `NAME.npz` (`logits` (N, classes), `labels` (N,)), which a later evaluation of
            the same network and images uses again; a killed evaluation goes on after the last set.
        workers: processes that read a Dataset.
        progress: whether to show images per second and time left on stderr.

    Raises:
        InputError: an unknown suite, bad data, a missing or damaged set (see `check`), logits that are not finite.
    """
    if not isinstance(network, nn.Module):
        raise InputError(f"network: a torch module is needed, got {type(network).__name__}")
    names = [suite] if isinstance(suite, str) else check_list("suite", suite, "suites' names")
    names = [name for index, name in enumerate(names) if name not in names[:index]]
    if sets is not None and not isinstance(sets, Mapping):
        raise InputError(f"sets: a mapping from suites to their sets is needed, got {sets!r}")
    if attack is not None and not isinstance(attack, PGDSettings):
        raise InputError(f"attack: PGDSettings are needed, got {attack!r}")
    for field, flag in {"resize": resize, "partial": partial, "progress": progress}.items():
        check_flag(field, flag)
    check_whole("batch_size", batch_size, low=1, high=2**31 - 1)
    check_whole("seed", seed, low=0, high=2**64 - 1)
    check_whole("workers", workers, low=0, high=2**16)
    _check_names(names, sets or {}, data is not None)
    images = None if data is None else ImageSet(data, workers=workers)
    opened = check(
        names,
        None if images is None else (len(images), *images.size),
        sets=sets,
        resize=resize,
        partial=partial,
    )
    folder = None if logits_folder is None else check_path("logits_folder", logits_folder)
    evaluation = Evaluation(
        network=network,
        given=images,
        sets=opened,
        batch_size=batch_size,
        device=home_device(network) if device is None else _check_device(device),
        seed=seed,
        attack=attack or PGDSettings(),
        store=LogitsStore(folder, "" if folder is None else network_fingerprint(network)),
        workers=workers,
        quiet=not progress,
    )
    with evaluating(network, evaluation.device), torch.no_grad():
        return {name: dict(EVALUATORS[name].measures(evaluation)) for name in names}


def check(
    suite: str | Sequence[str],
    images: tuple[int, int, int] | None = None,
    *,
    sets: Mapping[str, Any] | None = None,
    size: tuple[int, int] | None = None,
    classes: Known = None,
    class_map: ClassMap | None = None,
    resize: bool = False,
    partial: bool = False,
) -> dict[str, Any]:
    """See that an evaluation has all it will need, before a network is trained or run for it.

    Args:
        suite: names out of `EVALUATORS`.
        images: (N, H, W) of the labelled test images; None where there will be none.
        sets, resize, partial: as in `evaluate`.
        size: (H, W) that the network takes, where there are no test images and it is known.
        classes, class_map: of the network, where they are known; as `readers.CorruptedSet` has them.

    Returns:
        The sets opened, those that the suites ask for: what `evaluate` takes as `sets`.

    Raises:
        InputError: an unknown suite, too few images, a set that is missing, damaged, of another size or of classes
            that the network has not.
    """
    names = [suite] if isinstance(suite, str) else list(dict.fromkeys(suite))
    given = dict(sets or {})
    _check_names(names, given, images is not None)
    if "anomalies" in names and images is not None and images[0] < FEWEST:
        raise InputError(
            f"anomalies: one outlier to five images is used, so {FEWEST} are needed; there are {images[0]}; "
            "give more, or leave out the suite"
        )
    count = classes if classes is None or isinstance(classes, int) else len(classes)
    if "r" in names and count is not None and count not in R_CLASSES:
        raise InputError(f"suite r: a network of ImageNet's 1,000 classes (or of R's 200) is needed, it has {count}")
    wanted = {name: at for name, at in given.items() if ("anomalies" if name == "ood" else name) in names}
    opened = open_sets(
        wanted,
        size if images is None else images[1:],
        classes=classes,
        class_map=class_map,
        resize=resize,
        partial=partial,
    )
    for name, reader in opened.items():
        check_set(name, reader, count)
    return opened


def _check_names(names: Sequence[str], sets: Mapping[str, Any], data: bool) -> None:
    for name in names:
        if not isinstance(name, str) or name not in EVALUATORS:
            raise InputError(f"unknown suite {name!r}; the suites are {', '.join(EVALUATORS)}")
        if EVALUATORS[name].of_data and not data:
            raise InputError(f"suite {name}: needs labelled test images")
        if EVALUATORS[name].of_set and name not in sets:
            made = "" if name == "r" else "; `pixmix corrupt` makes one of any images"
            raise InputError(f"suite {name}: needs the folder of its set{made}")
    if unknown := [name for name in sets if name not in KNOWN]:
        raise InputError(f"sets: no suite {unknown[0]!r} has one; known: {', '.join(KNOWN)}")


def _check_device(device: str | torch.device) -> torch.device:
    try:
        return torch.empty(0, device=torch.device(device)).device
    except Exception as error:
        raise InputError(f"device: {device!r} cannot be used ({reason(error)}); give for example cpu") from error
