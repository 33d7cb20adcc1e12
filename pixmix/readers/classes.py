"""Class folders: which class a folder's pictures belong to."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources


@cache
def imagenet_wnids() -> tuple[str, ...]:
    """The folder names of ImageNet's 1,000 classes, sorted: the place is the class number."""
    return tuple(json.loads((resources.files(__package__) / "imagenet_classes.json").read_text("utf-8"))["wnids"])
