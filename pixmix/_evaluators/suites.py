"""The suites of measures by name, and what each needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixset._common.errors import InputError

from ..readers import OpenOODSet
from .autoattack import autoattack
from .autoattack_library import FEWEST as FEWEST_CLASSES, check_library
from .collected import check_classes, collected, mistaken
from .consistency import consistency
from .corrupted import R_CLASSES, corrupted, renditions
from .evaluation import Evaluation, Metrics
from .openood import check_openood, openood
from .set_names import KNOWN, MADE
from .sets import AS_THEY_ARE, Reading, check_set, open_sets
from .standard import FEWEST, adversaries, anomalies, calibration, clean
from .watermark import check_watermark
from .watermarked import watermarked


@dataclass(frozen=True, kw_only=True)
class Evaluator:
    """A suite of measures."""

    measures: Callable[[Evaluation], Metrics]
    of_data: bool = False
    """Whether it asks for the clean test images."""
    of_set: bool = False
    """Whether it asks for a set of its own name."""
    of_scores: bool = False
    """Whether it measures anomaly scores, which may need features and training images."""


EVALUATORS: dict[str, Evaluator] = {
    "clean": Evaluator(measures=clean, of_data=True),
    "calibration": Evaluator(measures=calibration, of_data=True),
    "adversaries": Evaluator(measures=adversaries, of_data=True),
    "autoattack": Evaluator(measures=autoattack, of_data=True),
    "anomalies": Evaluator(measures=anomalies, of_data=True, of_scores=True),
    "c": Evaluator(measures=corrupted("c"), of_set=True),
    "cbar": Evaluator(measures=corrupted("cbar"), of_set=True),
    "p": Evaluator(measures=consistency, of_set=True),
    "r": Evaluator(measures=renditions, of_set=True),
    "openood": Evaluator(measures=openood, of_set=True, of_scores=True),
    "a": Evaluator(measures=collected("a"), of_set=True),
    "o": Evaluator(measures=mistaken, of_data=True, of_set=True),
    "v2": Evaluator(measures=collected("v2"), of_set=True),
    "sketch": Evaluator(measures=collected("sketch"), of_set=True),
    "dcc3": Evaluator(measures=corrupted("dcc3"), of_set=True),
    "w": Evaluator(measures=watermarked, of_data=True),
    "cifar10_1": Evaluator(measures=collected("cifar10_1"), of_set=True),
    "cifar10_2": Evaluator(measures=collected("cifar10_2"), of_set=True),
    "cinic10": Evaluator(measures=collected("cinic10"), of_set=True),
}
"""Every suite by the name that `--suite` takes."""


def check_suites(
    suite: str | Sequence[str],
    images: tuple[int, int, int] | None = None,
    *,
    sets: Mapping[str, Any] | None = None,
    size: tuple[int, int] | None = None,
    reading: Reading = AS_THEY_ARE,
) -> dict[str, Any]:
    """See that an evaluation has all it will need, before a network is trained or run for it.

    Args:
        suite: names out of `EVALUATORS`.
        images: (N, H, W) of the labelled test images; None where there will be none.
        sets: as in `evaluate`.
        size: (H, W) that the network takes, where there are no test images and it is known.
        reading: how the sets are read.

    Returns:
        The opened sets of these suites: what `evaluate` takes as `sets`.

    Raises:
        InputError: an unknown suite, too few images, a set that is missing, damaged, of another size or of classes
            that the network has not.
    """
    names = [suite] if isinstance(suite, str) else list(dict.fromkeys(suite))
    sets = dict(sets or {})
    check_names(names, sets, images is not None)
    if "anomalies" in names and images is not None and images[0] < FEWEST:
        raise InputError(
            f"anomalies: one outlier to five images is used, so {FEWEST} are needed; there are {images[0]}; "
            "give more, or leave out the suite"
        )
    classes = reading.classes
    count = classes if classes is None or isinstance(classes, int) else len(classes)
    if "autoattack" in names:
        check_library()
        if count is not None and count < FEWEST_CLASSES:
            raise InputError(f"suite autoattack: a network of {FEWEST_CLASSES} classes is needed, it has {count}")
    if "w" in names:
        check_watermark(None if images is None else images[1:])
    if "r" in names and count is not None and count not in R_CLASSES:
        raise InputError(f"suite r: a network of ImageNet's 1,000 classes (or of R's 200) is needed, it has {count}")
    for name in names:
        if count is not None:
            check_classes(name, count)
    opened = open_sets(
        {name: where for name, where in sets.items() if ("anomalies" if name == "ood" else name) in names},
        size if images is None else images[1:],
        reading,
    )
    for name, reader in opened.items():
        check_set(name, reader, count)
        if isinstance(reader, OpenOODSet):
            check_openood(reader, classes, size if images is None else images[1:])
    return opened


def check_names(names: Sequence[str], sets: Mapping[str, Any], data: bool) -> None:
    """InputError where a suite or a set is unknown, or a suite lacks its images; `data`: there are test images."""
    for name in names:
        if not isinstance(name, str) or name not in EVALUATORS:
            raise InputError(f"unknown suite {name!r}; the suites are {', '.join(EVALUATORS)}")
        if EVALUATORS[name].of_data and not data:
            raise InputError(f"suite {name}: needs labelled test images")
        if EVALUATORS[name].of_set and name not in sets:
            remedy = "; `pixmix corrupt` makes one of any images" if name in MADE else ""
            raise InputError(f"suite {name}: needs the folder of its set{remedy}")
    if unknown := [name for name in sets if name not in KNOWN]:
        raise InputError(f"sets: no suite {unknown[0]!r} has one; known: {', '.join(KNOWN)}")
