"""What the tests of the `mixset` command look at and damage."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from tiny_family import TinyRecipe, render

Run = Callable[..., tuple[int, str, str]]


def flip(path: Path, index: int) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(render(TinyRecipe(), index)[0].tobytes())] ^= 1
    path.write_bytes(data)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
