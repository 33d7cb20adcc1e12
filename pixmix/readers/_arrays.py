"""Arrays of small images in `.npy` files, memory-mapped and never unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mixset._common.arrays import map_array
from mixset._common.errors import InputError

LABELS = "labels.npy"


def open_array(path: Path, form: str) -> np.ndarray:
    """Open a uint8 array memory-mapped.

    Args:
        path: a `.npy` file.
        form: the names of its axes, for example "(N, H, W, 3)"; the array must have as many.

    Raises:
        InputError: it is missing or damaged, does not hold numbers, or has another dtype or number of axes.
    """
    array = _load(path)
    axes = form.count(",") + 1
    if array.dtype != np.uint8 or array.ndim != axes or 0 in array.shape:
        raise InputError(f"{path.name}: holds {array.dtype} {array.shape}, needed is {form} uint8")
    return array


def open_images(path: Path) -> np.ndarray:
    """Open an (N, H, W, 3) uint8 array of images memory-mapped; raises as `open_array`."""
    array = open_array(path, "(N, H, W, 3)")
    if array.shape[3] != 3:
        raise InputError(f"{path.name}: holds {array.shape}, needed is (N, H, W, 3) uint8")
    return array


def open_labels(path: Path) -> np.ndarray:
    """Read class numbers, (N,) int64; raises as `open_array`."""
    labels = _load(path)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels) or labels.min() < 0:
        raise InputError(f"{path.name}: holds {labels.dtype} {labels.shape}, needed are (N,) class numbers")
    return labels.astype(np.int64)


def of_common_size(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """The (..., H, W, 3) arrays with the most frequent image size, and a line for each of the others."""
    sizes = {name: f"{array.shape[-2]}x{array.shape[-3]}" for name, array in arrays.items()}
    common = max(sizes.values(), key=[*sizes.values()].count, default="")
    wrong = [f"{name}.npy: images of {size} px, others have {common}" for name, size in sizes.items() if size != common]
    return {name: array for name, array in arrays.items() if sizes[name] == common}, wrong


def _load(path: Path) -> np.ndarray:
    return map_array(path, path.name, "fetch it again")
