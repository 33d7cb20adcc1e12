"""A table's title, which says in what it is smaller than the paper's."""

from __future__ import annotations

import dataclasses

from ..config import recipe
from .config import AblateConfig


def title(config: AblateConfig) -> str:
    """The table's name, its data, and what was scaled down."""
    table, changes = config.paper, scaled(config)
    data = table.data
    if config.dataset not in (None, table.dataset):
        # The paper has no table of all families, so there is nothing that the data stands in for.
        data = config.folder_name + ("" if config.table == "mixing-sets" else f" in place of {table.data}")
    return f"{table.title} on {data}" + (f"; scaled: {', '.join(changes)}" if changes else "")


def scaled(config: AblateConfig) -> list[str]:
    """In which ways the table is not at the paper's size: for its title."""
    table, start = config.paper, recipe(config.trained_by)
    paper = recipe(table.recipe)
    network = config.network or (table.network if config.recipe is None else start.network)
    found = []
    if network != table.network:
        found.append(network)
    for name, unit in (("epochs", "epoch"), ("batch_size", "picture")):
        value = getattr(config, name) or getattr(start, name)
        if value != getattr(paper, name):
            found.append(_count(value, unit) + (" a step" if name == "batch_size" else ""))
    for count, what in ((config.subset, "training"), (config.test_subset, "test")):
        if count is not None:
            found.append(_count(count, f"{what} picture"))
    if config.size is not None:
        found.append(f"{config.size} px")
    usual = {name.name: name.default for name in dataclasses.fields(AblateConfig)}
    for name, what in (("fractals", "fractal"), ("fvis", "visualisation")):
        if getattr(config, name) != usual[name]:
            found.append(_count(getattr(config, name), what))
    return found


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
