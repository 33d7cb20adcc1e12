"""Package exports that are looked up on first use (PEP 562), so that importing a package costs nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping

from .platforms import check_platform


def lazy_exports(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """A package's `__getattr__` and `__dir__`.

    Args:
        package: its `__name__`.
        homes: the submodule that each exported name lives in. No submodule may bear an exported name: importing it
            would hide what is exported.
    """

    def look_up(name: str) -> object:
        if name in homes:
            check_platform()
            return getattr(importlib.import_module(f".{homes[name]}", package), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def listing() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return look_up, listing
