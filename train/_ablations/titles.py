"""A table's title, which says in which ways its rows differ from the paper's."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from mixset._common.errors import counted

from .._data.place_names import in_words
from .._data.places import place_of
from .._runs.config import recipe
from .._runs.iterative_settings import IterativeSettings
from .config import AblateConfig

TAKEN_FROM_RECIPE = ("optimizer", "warmup", "weight_decay", "decay_norms", "label_smoothing", "ema_decay")
"""Options of training that are set by a recipe alone."""
PLACES_WEIGHTS = "resnet18_places365.pth.tar"
"""The file of CSAIL's released weights, from which the paper's rows of Table 9 begin."""


def title(config: AblateConfig) -> str:
    """The table's name, its data, what was scaled down, and how else its rows differ from the paper's."""
    table = config.paper
    data = table.data
    if config.dataset not in (None, table.dataset):
        # Of a table that the paper does not have, there is nothing that the data stands in for.
        place = place_of(config.data_name)
        smaller = in_words({} if place is None else place.form())
        data = config.folder_name + smaller + ("" if table.ours else f" in place of {table.data}")
    parts = [f"{table.title} on {data}"]
    for word, changes in (("scaled", scaled(config)), ("changed", changed(config))):
        if changes:
            parts.append(f"{word}: {', '.join(changes)}")
    return "; ".join(parts)


def scaled(config: AblateConfig) -> list[str]:
    """In which ways the table is not at the paper's scale."""
    table, start = config.paper, recipe(config.trained_by)
    paper = recipe(table.recipe)
    network = config.network or (table.network if config.recipe is None else start.network)
    smaller = []
    if network != table.network:
        smaller.append(network)
    for name, unit in (("epochs", "epoch"), ("batch_size", "image")):
        value = getattr(config, name) or getattr(start, name)
        if value != getattr(paper, name):
            smaller.append(counted(value, unit) + (" a step" if name == "batch_size" else ""))
    for count, what in ((config.subset, "training"), (config.test_subset, "test")):
        if count is not None:
            smaller.append(counted(count, f"{what} image"))
    if config.size is not None:
        smaller.append(f"{config.size} px")
    usual = {name.name: name.default for name in dataclasses.fields(AblateConfig)}
    for name, what in (("fractals", "fractal"), ("fvis", "visualisation")):
        if getattr(config, name) != usual[name]:
            smaller.append(counted(getattr(config, name), what))
    return smaller


def changed(config: AblateConfig) -> list[str]:
    """What else differs from the paper's rows: learning rate, dropout, precision, initial weights, mixing sets."""
    different = []
    start, paper = recipe(config.trained_by), recipe(config.paper.recipe)
    for name, what in (("lr", "learning rate"), ("dropout", "dropout")):
        value = getattr(start, name) if getattr(config, name) is None else getattr(config, name)
        if value != getattr(paper, name):
            different.append(f"{what} {value:g}")
    if config.amp not in (None, "auto"):
        different.append(f"precision {config.amp}")
    if not _starts_as_paper(config):
        different.append(f"from {_start(config.init)} weights")
    own = ("drop_path",) if config.network in (None, start.network) else ()
    for name in (*TAKEN_FROM_RECIPE, *own, "mix", "mixup", "cutmix", "autoaugment", "augmix", "ipmix"):
        if getattr(start, name) != getattr(paper, name):
            different.append(f"{name.replace('_', ' ')} as in the recipe {config.trained_by}")
    if config.plus is not None:
        different.append(f"{config.plus} added to rows that take it")
    iterative = "iterative" in (config.rows or config.paper.rows)
    for field in dataclasses.fields(IterativeSettings) if iterative else ():
        value = getattr(config.iterative, field.name)
        if value != field.default:
            different.append(f"iterative {field.name} {value:g}")
    if config.sets and config.sets != config.paper.sets:
        different.append(f"mixing set {' + '.join(config.sets)}")
    if config.mixing_set and not config.own_sets:
        names = [Path(name).name or name for name in config.mixing_set]
        weights = [f"{weight:g} " for weight in config.weights] or [""] * len(names)
        different.append(f"mixing set {' + '.join(map(''.join, zip(weights, names, strict=True)))}")
    return different


def _starts_as_paper(config: AblateConfig) -> bool:
    """Whether runs begin from the paper's weights: torchvision's for ImageNet, CSAIL's for Places365, else random."""
    if config.paper.data == "Places365":
        return config.init is not None and Path(config.init).name == PLACES_WEIGHTS
    return config.init == ("torchvision" if config.paper.data == "ImageNet" else None)


def _start(init: str | None) -> str:
    return "random" if init is None else "torchvision's" if init == "torchvision" else f"{Path(init).name}'s"
