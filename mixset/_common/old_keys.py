"""The one reader of old keys: what files of earlier versions call by names that are no longer used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEYS = {"pictures": "images"}
"""Key up to 0.1.0 → key today, in any file."""
_SETTINGS = {"data": "data_folder", "suites": "suite"}
"""The same of the settings of a run, which are named as the flags of `pixmix train` are."""


def current(content: Mapping[str, Any]) -> dict[str, Any]:
    """An object of a file with today's keys, in the file's order; objects inside it are left as they are."""
    return {_KEYS.get(key, key): value for key, value in content.items()}


def current_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The `config` of a run's `config.json` with today's keys, in the file's order."""
    return {_SETTINGS.get(key, key): value for key, value in config.items()}
