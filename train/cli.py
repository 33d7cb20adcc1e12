"""The `pixmix` command: a thin shell over functions that can be called from Python, too."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tyro

from mixset.console import run_command
from mixset.errors import InputError


@dataclass(frozen=True)
class Command:
    """One of the program's commands; what it needs is imported when it is run, so that help comes at once."""

    summary: str
    run: Callable[[list[str]], None]


def _train(arguments: list[str]) -> None:
    from .config import RECIPES, TrainConfig, recipe

    config = tyro.cli(
        TrainConfig,
        prog="pixmix train",
        args=arguments,
        default=recipe(_option(arguments, "--recipe") or "cifar"),
        config=(tyro.conf.FlagConversionOff, tyro.conf.OmitArgPrefixes) if not RECIPES else (),
    )
    from .run import train
    from .table import print_table

    metrics = train(config)
    if metrics is not None:
        print_table([config.folder])
        print(f"run folder: {config.folder}")


def _option(arguments: list[str], name: str) -> str | None:
    """The value of one option, looked for before the rest is parsed, since it decides their defaults."""
    for place, argument in enumerate(arguments):
        if argument == name and place + 1 < len(arguments):
            return arguments[place + 1]
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
    return None
