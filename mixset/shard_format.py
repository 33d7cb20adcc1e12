"""What a shard's writer and its readers agree on."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import h5py
import numpy as np

FORMAT = "mixset"
FORMAT_VERSION = 1
COMPRESSIONS = ("none", "gzip")


def canonical_json(value: object) -> str:
    """The one way this package writes JSON that is hashed or compared: sorted, without spaces, ASCII, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


class ContentHash:
    """SHA-256 over all pictures, then all seeds, then all params: what a shard holds, whatever its compression."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.pictures = hashlib.sha256(f"{shape[0]}x{shape[1]}x3:".encode())

    def add(self, picture: np.ndarray) -> None:
        self.pictures.update(picture.data)

    def finish(self, seeds: list[int], params: list[bytes]) -> str:
        self.pictures.update(np.array(seeds, "<u8").tobytes())
        for text in params:
            self.pictures.update(b"%d:%s" % (len(text), text))
        return self.pictures.hexdigest()


def fixed_width(text: str) -> np.ndarray:
    """Text for an attribute; HDF5 would keep text of variable width in a heap that has no checksum."""
    data = text.encode()
    return np.array(data, h5py.string_dtype("utf-8", len(data)))


def plain_text(attribute: Any) -> str:
    """The text of an attribute, of fixed or variable width."""
    return attribute.decode() if isinstance(attribute, bytes) else str(attribute)
