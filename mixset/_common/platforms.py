"""A check for Linux or macOS, which have the file locks and signals that the packages need."""

from __future__ import annotations

import importlib.util
import sys

from .errors import InputError


class UnsupportedPlatform(InputError, ImportError):
    """The operating system is not supported."""


def check_platform() -> None:
    """Raise UnsupportedPlatform on other systems, before an import of `fcntl` fails."""
    if sys.platform == "win32" or importlib.util.find_spec("fcntl") is None:
        raise UnsupportedPlatform("pixmix runs on Linux and macOS; on Windows use it in WSL (wsl --install)")
