"""JSON as files of ours hold it: one form for each value, and objects that carry the SHA-256 of what they say."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from .partials import write_atomically

_DEEPEST = 64
_SEAL = "sha256"


def canonical_json(value: object) -> str:
    """The one way this package writes JSON that is hashed or compared: sorted, without spaces, ASCII, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def json_hash(value: object) -> str:
    """SHA-256 of a JSON value, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text from a file.

    Raises:
        ValueError: it is none, holds NaN or an infinity, or is nested more than 64 deep.
    """
    value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    level = [value]
    for _ in range(_DEEPEST):
        level = [one for held in level for one in _inside(held)]
        if not level:
            return value
    raise ValueError(f"nested more than {_DEEPEST} deep")


def parse_object(text: str | bytes) -> dict[str, Any]:
    """The object of a JSON text from a file; raises as `parse_json`, or where it is something else."""
    value = parse_json(text)
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def write_sealed_json(path: Path, values: dict[str, Any]) -> None:
    """Write `values` and their SHA-256, so that `path` is either the old file or the whole new one.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    sealed = {**values, _SEAL: json_hash(values)}
    write_atomically(path, (json.dumps(sealed, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def unseal_json(text: bytes) -> tuple[dict[str, Any], bool]:
    """What `write_sealed_json` wrote, and whether a SHA-256 stood in it; raises as `parse_object`, or where it does
    not fit."""
    values = parse_object(text)
    digest = values.pop(_SEAL, None)
    if digest is not None and digest != json_hash(values):
        raise ValueError("its SHA-256 does not fit")
    return values, digest is not None


def _inside(value: object) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _finite(number: str) -> float:
    return float(number) if math.isfinite(float(number)) else _refuse(number)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")
