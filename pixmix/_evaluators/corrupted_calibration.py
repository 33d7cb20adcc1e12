"""Calibration and selective prediction under corruptions: for each corruption, and the mean over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, get_args

import numpy as np

from .. import measures
from ..measures import Answers
from .digests import Digest, together, values_of
from .entries import Entry, intervals
from .evaluation import Metrics
from .selection import AFTER, SELECTION

Pooling = Literal["corruption", "severity"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
Digested = Mapping[str, Mapping[int, Digest]]
"""Corruption → severity → digest of its logits."""


def calibration(digested: Digested, about: Entry, seed: int) -> Metrics:
    """Every calibration error, proper score and measure of selective prediction under corruptions.

    The mean over the corruptions, and each one's. The paper's errors and the ECE are in both poolings, all others of
    all severities together. RMS, proper scores and selective prediction have an interval.

    Args:
        digested: of the corruptions that count.
        about: what is said of each number of the suite, `n` among it.
        seed: of the intervals.
    """
    answered = {name: {severity: one.answers for severity, one in each.items()} for name, each in digested.items()}
    for pooling in POOLINGS:
        for name in measures.CALIBRATION:
            entry = _pooled(name, answered, pooling, about)
            if name.startswith("rms") and "value" in entry:
                entry |= _rms_interval(answered, pooling, name == "rms_all_bins", about["n"], seed)
            yield f"{name}_by_{pooling}", entry
    whole = {name: together(each) for name, each in digested.items()}
    spans = _proper_intervals(list(whole.values()), about["n"], seed)
    for name, entry in _means({name: values_of(one) for name, one in whole.items()}, about):
        yield f"{name}_by_corruption", entry | spans.get(name, {})
    yield from _selection(whole, about, seed)


def scaled_calibration(digested: Digested, about: Entry) -> Metrics:
    """Calibration errors and proper scores after temperature scaling, of all severities together.

    Args:
        digested: of logits that are divided by the temperature.
        about: what is said of each number of the suite.
    """
    answered = {name: {severity: one.answers for severity, one in each.items()} for name, each in digested.items()}
    for name in AFTER:
        yield f"{name}_by_corruption_ts", _pooled(name, answered, "corruption", about)
    for name, entry in _means({name: values_of(together(each)) for name, each in digested.items()}, about):
        yield f"{name}_by_corruption_ts", entry


def _pooled(name: str, answered: Mapping[str, Mapping[int, Answers]], pooling: Pooling, about: Entry) -> Entry:
    """The mean of a calibration error over the corruptions, or why there is none."""
    try:
        each = measures.pooled_calibration(answered, measures.CALIBRATION[name], pooling=pooling)
    except measures.Undefined as error:
        return {"undefined": str(error), **about}
    return {"value": float(np.mean(list(each.values()))), "by_corruption": each, **about}


def _means(values: Mapping[str, Mapping[str, float]], about: Entry) -> Iterator[tuple[str, Entry]]:
    """From corruption → measure → value to each measure's mean, and its value by corruption."""
    for name in next(iter(values.values())):
        each = {corruption: of[name] for corruption, of in values.items()}
        yield name, {"value": float(np.mean(list(each.values()))), "by_corruption": each, **about}


def _rms_interval(
    answered: Mapping[str, Mapping[int, Answers]], pooling: Pooling, last_bin: bool, images: int, seed: int
) -> Entry:
    statistics = []
    for each in answered.values():
        joined = [Answers(*map(np.concatenate, zip(*each.values(), strict=True)))]
        parts = joined if pooling == "corruption" else list(each.values())
        of_parts = [measures.rms_of(answers, last_bin=last_bin, images=images) for answers in parts]
        statistics.append(measures.average(of_parts))
    return intervals(measures.average(statistics), images, seed=seed, within=(0.0, 1.0))[0]


def _proper_intervals(whole: Sequence[Digest], images: int, seed: int) -> dict[str, Entry]:
    """Those of NLL and Brier. All corruptions show the same images, which are drawn together."""
    own = np.mean([one.proper.reshape(-1, images, 2).mean(axis=0) for one in whole], axis=0)
    return dict(zip(("nll", "brier"), intervals(measures.mean_of(own), images, seed=seed), strict=True))


def _selection(whole: Mapping[str, Digest], about: Entry, seed: int) -> Metrics:
    images = about["n"]
    statistics = [measures.selection_of(one.answers, images=images) for one in whole.values()]
    once = np.ones((1, images), np.int32)
    values = {
        name: dict(zip(SELECTION, statistic(once)[0].tolist(), strict=True))
        for name, statistic in zip(whole, statistics, strict=True)
    }
    spans = intervals(measures.average(statistics), images, seed=seed, within=(0.0, 1.0))
    for (name, entry), span in zip(_means(values, about), spans, strict=True):
        yield f"{name}_by_corruption", entry | span
