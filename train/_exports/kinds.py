"""The boards that measures can be written for, by the name that `pixmix export` takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

Writer = Callable[[Sequence[Path], Path], list[Path]]
"""From the folders of runs or evaluations and the folder to write to, to the files it wrote."""


class Kind(NamedTuple):
    """A board."""

    summary: str
    """What is written, in a few words."""
    maker: str
    """Its writer as `module:function` beside this module."""


KINDS: dict[str, Kind] = {
    "openood": Kind("rows of OpenOOD's boards, each training's mean and spread over its runs", "openood_rows:export"),
    "robustbench": Kind("entries of RobustBench: JSON of its model_info, and rows of its CSV", "robustbench:export"),
}


def writer(name: str) -> Writer:
    """The writer of a board out of `KINDS`."""
    module, _, function = KINDS[name].maker.partition(":")
    return getattr(import_module(f".{module}", __package__), function)
