"""The one reader of old keys: what files of earlier versions call by names that are no longer used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NEW = {"pictures": "images"}
"""Key up to 0.1.0 → key today."""


def current(content: Mapping[str, Any]) -> dict[str, Any]:
    """An object of a file with today's keys, in the file's order; objects inside it are left as they are."""
    return {_NEW.get(key, key): value for key, value in content.items()}
