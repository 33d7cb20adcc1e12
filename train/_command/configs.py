"""What `pixmix train` and `pixmix ablate` are asked, from their arguments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mixset._common.parsing import parse


def train_config(arguments: list[str]) -> Any:
    import tyro

    from .._runs.config import TrainConfig, recipe
    from .._runs.method_settings import GROUPS

    # A recipe is of no data set: the command asks for one.
    start = replace(recipe(option(arguments, "--recipe") or "cifar"), dataset=tyro.MISSING)
    return parse(TrainConfig, "pixmix train", arguments, default=start, topics=GROUPS)


def ablate_config(arguments: list[str]) -> Any:
    from .._ablations.config import AblateConfig
    from .._runs.method_settings import GROUPS

    iterative = {"iterative": GROUPS["iterative"][:1]}
    return parse(AblateConfig, "pixmix ablate", arguments, topics=iterative)


def option(arguments: list[str], name: str) -> str | None:
    """The value of an option that has to be known before the others can be parsed; given twice, the last one."""
    found = None
    for index, argument in enumerate(arguments):
        if argument == name and index + 1 < len(arguments):
            found = arguments[index + 1]
        elif argument.startswith(f"{name}="):
            found = argument.partition("=")[2]
    return found
