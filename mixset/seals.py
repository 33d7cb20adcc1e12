"""Files that carry the SHA-256 of their own bytes: a flipped bit is found when they are read."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .errors import reading
from .partials import write_atomically
from .regular import read_regular

_MARK = b"\n#sha256:"
_LENGTH = len(_MARK) + 64 + 1


def write_sealed(path: Path, content: bytes | memoryview) -> None:
    """Write `content` and behind it a line with its SHA-256, atomically.

    Formats that are read from their beginning (NumPy's, safetensors, JPEG) or found by a search from their end (zip,
    and so torch's and .npz) stay readable for programs that know nothing of the line.

    Raises:
        InputError: as `write_atomically`.
    """
    write_atomically(path, content, seal(content))


def read_sealed(path: Path, what: str, remedy: str) -> tuple[bytes, bool]:
    """The content of a file, and whether a seal stood behind it; it is compared.

    Args:
        what: the file as an error names it.
        remedy: what to do where it is damaged.

    Raises:
        InputError: the file cannot be read, or its bytes are not the ones that were sealed.
    """
    with reading(what, remedy):
        content = read_regular(path)
        return unseal(content)


def seal(content: bytes | memoryview) -> bytes:
    """The line that is written behind `content`."""
    return hashlib.sha256(content).hexdigest().join((_MARK.decode(), "\n")).encode()


def unseal(content: bytes) -> tuple[bytes, bool]:
    """What stands before the seal, and whether there is one; ValueError where it does not fit."""
    body, line = content[:-_LENGTH], content[-_LENGTH:]
    if not line.startswith(_MARK):
        return content, False
    if line != seal(body):
        raise ValueError("its SHA-256 does not fit")
    return body, True
