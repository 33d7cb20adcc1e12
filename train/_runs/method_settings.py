"""What belongs to which method, and one line for what is given of a method that is not in use."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mixset._common.errors import InputError
from pixmix.methods import find_parts, find_row
from pixmix.methods._table import METHODS

from .config import TrainConfig, recipe

_SHARED = {
    **dict.fromkeys(("pixmix", "mix-input", "mix-aug"), ("mix",)),
    "iterative": ("iterative", "mix"),
    "pixprime": ("mix", "prime"),
    **dict.fromkeys(("adversarial-linf", "adversarial-l2"), ("adversarial",)),
    **dict.fromkeys(("apr-s", "apr-p"), ("apr",)),
    **dict.fromkeys(("hybridaugment-s", "hybridaugment-p", "hybridaugmentpp-s"), ("hybridaugment",)),
    "hybridaugmentpp-p": ("hybridaugment", "apr"),
    "moiremix": ("moiremix", "mix"),
}
"""Methods whose settings are not in a group of their own name alone."""

GROUPS = {name: _SHARED.get(name, (name,)) for name in METHODS}
"""The groups of settings that a method looks at; `pixmix train --help METHOD` shows them."""

_INPUTS = {"copies": "needs_copies", "outliers": "needs_outliers", "mixing_set": "needs_pool"}
"""What is given to a run for its methods, and where their rows say so."""


def check_given(config: TrainConfig, *, begun: bool = False) -> None:
    """See that a run's method uses all that is given for methods.

    Args:
        begun: the run is in its folder already; its settings were taken when it began, and stay.

    Raises:
        InputError: a setting, a mixing set, outliers or copies that the method does not use; an unknown method.
    """
    parts, unused = find_parts(config.method), f"method {config.method} does not use it"
    if not begun:
        check_settings(config, recipe(config.recipe), parts, unused)
    check_inputs(config, parts, unused)


def check_needed(config: TrainConfig) -> None:
    """InputError where a run lacks the mixing set, the outliers or the copies that its method cannot do without."""
    usual = usual_outliers(config)
    lacking = {
        "copies": "altered copies of the training images",
        "outliers": f"images of things outside the classes; there is no {usual} either",
        "mixing_set": "a folder, or fractals to make one",
    }
    for name, what in lacking.items():
        there = getattr(config, name) or (name == "outliers" and usual.exists())
        if not there and _wanted(name, find_parts(config.method)):
            raise InputError(f"method {config.method}: needs `{name}`, {what}")


def usual_outliers(config: TrainConfig) -> Path:
    """Where the outliers are looked for that a run does not name."""
    return config.data_folder / "300K_random_images.npy"


def check_inputs(config: Any, methods: Sequence[str], unused: str) -> None:
    """InputError where copies, outliers or a mixing set are given that none of the methods takes.

    Args:
        config: has fields of these names.
        methods: those in use.
        unused: says who does not use it, such as "method baseline does not use it".
    """
    for name in _INPUTS:
        if getattr(config, name) and not _wanted(name, methods):
            takers = [method for method in METHODS if _wanted(name, [method])]
            raise InputError(f"{name}: is for {_methods(takers)}; {unused}, so leave it out")


def _wanted(name: str, methods: Sequence[str]) -> bool:
    return any(getattr(find_row(method), _INPUTS[name]) for method in methods)


def check_settings(config: Any, default: Any, methods: Sequence[str], unused: str) -> None:
    """InputError where a setting is given that none of the methods looks at.

    It counts as given where it is neither that of `default` nor that of its own class: a config made in Python need
    not be the recipe's whose name it bears.

    Args:
        config: a dataclass, some of whose fields are groups of settings.
        default: the same with the values of what is not given.
        methods: those in use. A function of somebody else's may look at any setting.
        unused: says who does not use it, such as "method baseline does not use it".
    """
    makers = [find_row(name).maker for name in methods]
    if any(not isinstance(maker, str | type) for maker in makers):  # a class is made without settings
        return
    used = {group for name in methods for group in GROUPS.get(name, ())}
    for group in (field.name for field in dataclasses.fields(config)):
        takers = [name for name, groups in GROUPS.items() if group in groups]
        if not takers or group in used:
            continue
        given, usual = getattr(config, group), getattr(default, group)
        for setting in (field.name for field in dataclasses.fields(given)):
            value = getattr(given, setting)
            if value not in (getattr(usual, setting), getattr(type(given)(), setting)):
                raise InputError(f"{group}.{setting}: is for {_methods(takers)}; {unused}, so leave it out")


def _methods(names: Sequence[str]) -> str:
    return f"the method {names[0]}" if len(names) == 1 else f"the methods {', '.join(names[:-1])} and {names[-1]}"
