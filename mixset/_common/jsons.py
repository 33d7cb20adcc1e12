"""JSON files: a canonical form for hashing, strict parsing, and objects that carry their own SHA-256."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from .partials import write_atomically

_MAX_DEPTH = 64
_SEAL = "sha256"


def canonical_json(value: object) -> str:
    """`value` as canonical JSON, for hashing and comparing: sorted keys, no spaces, ASCII, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def json_hash(value: object) -> str:
    """The SHA-256 of a JSON value's canonical form, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def parse_json(text: str | bytes) -> Any:
    """Parse JSON text from a file.

    Raises:
        ValueError: it is not JSON, holds NaN or an infinity, or is nested more than 64 levels deep.
    """
    value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return value
    raise ValueError(f"nested more than {_MAX_DEPTH} deep")


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Parse a JSON object from a file; raises as `parse_json`, and ValueError for any other value."""
    value = parse_json(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def write_sealed_json(path: Path, values: dict[str, Any]) -> None:
    """Write `values` with their SHA-256 atomically: `path` is either the old file or the whole new one.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    sealed = {**values, _SEAL: json_hash(values)}
    write_atomically(path, (json.dumps(sealed, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def unseal_json(text: bytes) -> tuple[dict[str, Any], bool]:
    """The values that `write_sealed_json` wrote, and whether they carried a SHA-256.

    Raises:
        ValueError: as for `parse_object`; or the SHA-256 does not match.
    """
    values = parse_object(text)
    digest = values.pop(_SEAL, None)
    if digest is not None and digest != json_hash(values):
        raise ValueError("its SHA-256 does not match")
    return values, digest is not None


def _children(value: object) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _finite(number: str) -> float:
    return float(number) if math.isfinite(float(number)) else _refuse(number)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not valid JSON")
