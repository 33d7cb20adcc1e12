"""The rows of a table: its own or those asked for, each as it is or with a method added to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mixset._common.errors import InputError
from pixmix.methods import find_parts

from .._runs.method_settings import check_inputs, check_settings
from .config import AblateConfig
from .tables import LABELS, Row, find_row

WHOLE = ("augmix", "oe")
"""Methods that show the network several images for each, which nothing that follows can take."""


def rows_of(config: AblateConfig) -> dict[str, Row]:
    """The rows of the table by name, those of the user's own folders included.

    Raises:
        InputError: there is no such method, or no row takes what is to be added.
    """
    own = {name: Row(label=name, method="pixmix", sets=(name,)) for name in config.own_sets}
    names = config.rows or (*config.paper.rows, *config.own_sets)
    rows = {name: own[name] if name in own else find_row(name) for name in names}
    if config.plus is None:
        return rows
    found = dict(_with(name, row, config.plus) for name, row in rows.items())
    if found == rows:
        raise InputError(f"plus {config.plus}: none of the rows takes it: {', '.join(rows)}")
    return found


def check_used(config: AblateConfig, rows: Iterable[Row]) -> None:
    """InputError where something is given for methods that no row of the table uses; rows share what is given."""
    methods = list(dict.fromkeys(part for row in rows for part in find_parts(row.method)))
    unused = f"no row of table {config.table} uses it"
    if config.rows:
        unused = f"none of the rows {', '.join(config.rows)} uses it"
    check_settings(config, AblateConfig(table="1"), methods, unused)
    check_inputs(config, methods, unused)


def _with(name: str, row: Row, plus: str) -> tuple[str, Row]:
    """A row with a method added to its own, or as it is where the two do not compose."""
    method = f"{row.method}+{plus}"
    try:
        find_parts(method)
    except InputError:
        return name, row
    if any(part in WHOLE for part in row.method.split("+")):
        return name, row
    return f"{name}+{plus}", replace(row, label=f"{row.label} + {LABELS.get(plus, plus)}", method=method)
