"""Linux and macOS: what locks files and ends processes together is theirs."""

from __future__ import annotations

import importlib.util
import sys

from .errors import InputError


class UnsupportedPlatform(InputError, ImportError):
    """This system lacks what the packages need."""


def check_platform() -> None:
    """Refuse other systems with one line, before an import of `fcntl` fails somewhere."""
    if sys.platform == "win32" or importlib.util.find_spec("fcntl") is None:
        raise UnsupportedPlatform("pixmix runs on Linux and macOS; on Windows use it in WSL (wsl --install)")
