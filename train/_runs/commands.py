"""The command that repeats a run."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any

from .config import recipe


def command(config: dict[str, Any]) -> str:
    """The shortest `pixmix train` command that makes a run with this config."""
    return shlex.join(["pixmix", "train", *words(config)])


def words(config: dict[str, Any]) -> list[str]:
    """The arguments of that command."""
    start = recipe(config["recipe"]).to_json()
    made = [config["dataset"]]
    if config["recipe"] != "cifar":
        made += ["--recipe", config["recipe"]]
    for name, value in _flat(config):
        if name in ("dataset", "recipe", "resume") or value == dict(_flat(start)).get(name):
            continue
        prefix, _, leaf = name.replace("_", "-").rpartition(".")
        no = "no-" if value is False else ""
        made.append(f"--{prefix}{'.' if prefix else ''}{no}{leaf}")
        if not isinstance(value, bool):
            made += [str(item) for item in value] if isinstance(value, list) else [str(value)]
    return made


def _flat(config: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, list(value) if isinstance(value, tuple) else value
