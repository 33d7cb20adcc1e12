"""The 5,000 of ImageNet's validation images that RobustBench's boards are measured on, told by the names of files."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from mixset._common.errors import InputError

COUNT = 5_000


@cache
def robustbench_numbers() -> frozenset[int]:
    """N of each ILSVRC2012_val_N.JPEG."""
    content = (resources.files(__package__) / "robustbench_images.json").read_text("utf-8")
    return frozenset(json.loads(content)["images"])


def robustbench_indices(names: Sequence[str], where: Path | str) -> np.ndarray:
    """(5,000,) int64, ascending: which files show these images.

    Args:
        names: of all files, with or without folders; none for images in arrays.
        where: the set's name for errors.

    Raises:
        InputError: some are not there, or twice.
    """
    found: dict[int, int] = {}
    twice = False
    for index, name in enumerate(names):
        match = re.search(r"ILSVRC2012_val_(\d{8})(?!\d)", name)
        number = int(match[1]) if match else 0
        if number in robustbench_numbers():
            twice |= number in found
            found[number] = index
    if len(found) < COUNT or twice:
        there = "some of them twice" if twice else f"{len(found):,} of them"
        raise InputError(
            f"{where}: RobustBench's {COUNT:,} images are ILSVRC2012_val_*.JPEG of ImageNet, and it has {there}; give "
            "the whole validation set, or leave out `robustbench`"
        )
    return np.array(sorted(found.values()))
