"""`pixmix.evaluate`: a classifier's safety measures from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mixset._common.arguments import check_flag, check_list, check_path, check_whole
from mixset._common.errors import InputError, reason

from .._common.attack import PGDSettings
from .._common.autoattack import AutoAttackSettings
from .._common.keyed import torch_generator_kept
from .._common.precisions import EVAL_PRECISIONS, EvalPrecision
from ..readers import CIFAR10Set, ImageNetSet, OutlierSets, RenditionSet
from ..scores import ScoreSettings
from .evaluation import Evaluation
from .forwarding import evaluating, home_device
from .image_sets import ImageSet, given_as
from .overlap import check_apart
from .scoring import check_scores
from .sets import Opened, Reading
from .store import LogitsStore, network_fingerprint
from .suites import EVALUATORS, check_names, check_suites
from .trying import try_scores


@torch_generator_kept()
def evaluate(
    network: nn.Module,
    suite: str | Sequence[str],
    data: Any = None,
    *,
    held_out: Any = None,
    training: Any = None,
    tuning: Any = None,
    scores: ScoreSettings | None = None,
    sets: Mapping[str, Any] | None = None,
    resize: bool = False,
    partial: bool = False,
    attack: PGDSettings | None = None,
    autoattack: AutoAttackSettings | None = None,
    batch_size: int = 250,
    device: str | torch.device | None = None,
    seed: int = 0,
    logits_folder: str | Path | None = None,
    workers: int = 0,
    progress: bool = False,
    precision: EvalPrecision = "float32",
) -> dict[str, Any]:
    """Measure a classifier: `{suite: {measure: {"value": ..., "n": ...}}}`, ready for `metrics.json`.

    A measure that is not defined for so few images has no value, and says why under `undefined`.

    The network is evaluated in eval mode and left as it was; no global generator is touched.
    Batch size changes results by rounding only. Where `torch.distributed` is in use all processes call this together;
    each forwards its share of every set, and all return the same.

    Args:
        network: takes (N, 3, H, W) float images in [0, 1], gives (N, classes) logits; "anomalies" needs a
            `pixmix.Normalized` one.
        suite: names out of `EVALUATORS`. "w" needs `pip install --no-deps imagenet-w`, and ImageNet's images.
        data: (images (N, H, W, 3) uint8, labels (N,)), or a sequence or Dataset of (image, label) with images as
            PIL images, (C, H, W) uint8 tensors or (H, W, C) uint8 arrays, or floats in [0, 1]; or a DataLoader of
            batches (images, labels) of such, each of whose images is measured once, whether it shuffles or not.
            Of the suites on sets of their own only "o" needs them, ImageNet's.
        held_out: labelled images of the same kind that are neither trained nor measured on, as `data`. With them
            calibration is also measured after temperature scaling, on the test images and on every other labelled set,
            and scores that need validation images have them. Or "split", for the suite "calibration" alone: each half
            of the test images is held out for the other.
        training: the training images without augmentation, as `data`; for scores that need them.
        tuning: outliers that are not measured, as `data` with any labels below the number of classes, on which settings
            of scores are tuned.
        scores: the anomaly scores, their settings and their features; by default MSP, the largest logit and the energy.
        sets: suite → the folder of its set in its official layout, or one of `pixmix.readers` opened: "c", "cbar", "p",
            "r", "a", "o", "v2", "sketch", "dcc3", "cifar10_1", "cifar10_2", "cinic10", "openood" (the folder of a
            benchmark's lists), and "ood", out-of-distribution sets for "anomalies" (a folder, or paths by name).
        resize: enlarge and crop images of ImageNet-C and C̄ before, as the paper's code does (docs/parity.md).
        partial: leave out what is missing in a set and say so in the result, instead of refusing it.
        attack: of "adversaries"; by default the paper's for CIFAR. It is measured with the ball in both places.
        autoattack: of "autoattack", which needs `pip install "pixmix[attacks]"`; it is resumed after the last batch.
        device: where to evaluate; by default where the network's weights are.
        seed: of PGD's random start, the synthetic sets, the choice of real outliers and the intervals.
        logits_folder: keeps logits as `NAME.npz` (`logits` (N, classes), `labels` (N,)), which a later evaluation of
            the same network and images uses again; a killed evaluation resumes after the last set.
        workers: processes that read a Dataset.
        progress: whether to show images per second and time left on stderr.
        precision: "float32", or "bf16", faster on a GPU: bfloat16 by autocast. Its numbers differ a little, the result
            says `"precision": "bf16"`, and no table has them beside float32's.

    Raises:
        InputError: an unknown suite, bad data, a missing or damaged set (see `check`), logits that are not finite.

    Example:
        >>> import numpy as np
        >>> import torch
        >>> import pixmix
        >>> body = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 10))
        >>> network = pixmix.Normalized(body, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
        >>> images, labels = np.zeros((20, 8, 8, 3), np.uint8), np.arange(20) % 10
        >>> metrics = pixmix.evaluate(network, "clean", (images, labels))
        >>> metrics["clean"]["error"]["value"]
        0.9
    """
    if not isinstance(network, nn.Module):
        raise InputError(f"network: a torch module is needed, got {type(network).__name__}")
    names = [suite] if isinstance(suite, str) else check_list("suite", suite, "suites' names")
    names = [name for index, name in enumerate(names) if name not in names[:index]]
    if sets is not None and not isinstance(sets, Mapping):
        raise InputError(f"sets: a mapping from suites to their sets is needed, got {sets!r}")
    if attack is not None and not isinstance(attack, PGDSettings):
        raise InputError(f"attack: PGDSettings are needed, got {attack!r}")
    if autoattack is not None and not isinstance(autoattack, AutoAttackSettings):
        raise InputError(f"autoattack: AutoAttackSettings are needed, got {autoattack!r}")
    for field, flag in {"resize": resize, "partial": partial, "progress": progress}.items():
        check_flag(field, flag)
    if precision not in EVAL_PRECISIONS:
        raise InputError(f"precision: no format named {precision!r}; known: {', '.join(EVAL_PRECISIONS)}")
    check_whole("batch_size", batch_size, low=1, high=2**31 - 1)
    check_whole("seed", seed, low=0, high=2**64 - 1)
    check_whole("workers", workers, low=0, high=2**16)
    check_names(names, sets or {}, data is not None)
    if "autoattack" in names and precision != "float32":
        raise InputError("suite autoattack: is measured in float32; leave `precision` out")
    images = None if data is None else ImageSet(data, workers=workers)
    opened = check_suites(
        names,
        None if images is None else (len(images), *images.size),
        sets=sets,
        reading=Reading(resize=resize, partial=partial),
    )
    folder = None if logits_folder is None else check_path("logits_folder", logits_folder)
    scored = [name for name in names if EVALUATORS[name].of_scores]
    # A suite of a set has that set's images for its scores.
    check_scores(
        scores, any(EVALUATORS[name].of_data for name in scored), held_out=held_out, training=training, tuning=tuning
    )
    beside = {
        name: _image_set(name, given, workers)
        for name, given in {"held": held_out, "training": training, "tuning": tuning}.items()
    }
    _check_apart(beside, images, opened)
    evaluation = Evaluation(
        network=network,
        test=images,
        **beside,
        scores=(scores or ScoreSettings()) if scored else None,
        sets=opened,
        batch_size=batch_size,
        device=home_device(network) if device is None else _check_device(device),
        seed=seed,
        attack=attack or PGDSettings(),
        autoattack=autoattack or AutoAttackSettings(),
        precision=precision,
        store=LogitsStore(folder, "" if folder is None else network_fingerprint(network)),
        workers=workers,
        quiet=not progress,
    )
    about = {} if precision == "float32" else {"precision": precision}
    with evaluating(network, evaluation.device, precision), torch.no_grad():
        try_scores(evaluation)
        return {**about, **{name: dict(EVALUATORS[name].measures(evaluation)) for name in names}}


def _check_apart(beside: Mapping[str, Any], test: ImageSet | None, opened: Mapping[str, Opened]) -> None:
    """InputError where images that scores or a temperature are fitted on are measured, too."""
    training, tuning = beside["training"], beside["tuning"]
    held = beside["held"] if isinstance(beside["held"], ImageSet) else None
    for name, images, what, others in (
        ("held_out", held, "test images", test),
        ("held_out", held, "training images", training),
        ("training", training, "test images", test),
    ):
        if images is not None and others is not None:
            check_apart(name, images, what, others)
    for suite, reader in opened.items():
        # Those under corruptions are images of their own.
        if held is not None and isinstance(reader, RenditionSet | ImageNetSet | CIFAR10Set):
            for each in reader.images.values() if isinstance(reader.images, Mapping) else [reader.images]:
                check_apart("held_out", held, f"images of the suite {suite}", ImageSet(each))
    outliers = opened.get("ood")
    if tuning is not None and isinstance(outliers, OutlierSets):
        for name in (*outliers.names, *outliers.extra):
            check_apart("tuning", tuning, f"{name} outliers", ImageSet(outliers.images(name)))


def _image_set(name: str, data: Any, workers: int) -> Any:
    if name == "held" and isinstance(data, str) and data == "split":
        return data
    with given_as("held_out" if name == "held" else name):
        return None if data is None else ImageSet(data, workers=workers)


def _check_device(device: str | torch.device) -> torch.device:
    try:
        return torch.empty(0, device=torch.device(device)).device
    except Exception as error:
        raise InputError(f"device: {device!r} cannot be used ({reason(error)}); give for example cpu") from error
