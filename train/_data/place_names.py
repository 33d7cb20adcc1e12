"""Names of data sets that say where they lie: folder:PATH and store:PATH."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FOLDER, STORE = "folder:", "store:"


def path_of(name: str) -> Path | None:
    """The path in a data set's name; None where it has none."""
    for prefix in (FOLDER, STORE):
        if name.startswith(prefix):
            return Path(name.removeprefix(prefix))
    return None


def last_part(name: str) -> str:
    """The data set without its path."""
    return name.removeprefix(FOLDER).removeprefix(STORE).rstrip("/").rsplit("/", 1)[-1]


def in_words(form: dict[str, Any]) -> str:
    """What to say after the data set's name of the form of its parts; empty where there is none."""
    sides = {f"{part['side']} px" for part in form.values()}
    if len(sides) < 2:
        return "".join(f" stored at {side}" for side in sides)
    parts = [f"{part['side']} px ({name})" for name, part in sorted(form.items())]
    return f" stored at {' and '.join(parts)}"
