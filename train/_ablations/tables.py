"""The paper's tables: which rows and columns each has, on which data, and the paper's numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from mixset._common.errors import InputError
from pixmix.methods import METHODS, find_parts

from .._runs.config import RecipeName
from .columns import (
    AUROC,
    BAR_CORRUPTIONS,
    C_BAR,
    CIFAR,
    CLEAN,
    CORRUPTIONS,
    DETECTIONS,
    FLIPS,
    IMAGENET,
    IMAGENET_C,
    IMAGENET_P,
    MFR,
    PGD,
    RMS_C,
    C,
    Column,
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row: a method, what it mixes in, and what of its settings the row is about."""

    label: str
    method: str
    sets: tuple[str, ...] = ()
    """Names of the mixing sets, by default the table's."""
    k: int | None = None
    beta: float | None = None


LABELS = {
    "baseline": "Baseline",
    "cutout": "Cutout",
    "mixup": "Mixup",
    "cutmix": "CutMix",
    "autoaugment": "AutoAugment",
    "augmix": "AugMix",
    "jsd": "JSD",
    "ipmix": "IPMix",
    "prime": "PRIME",
    "pixprime": "PixPrime",
    "oe": "OE",
    "pixmix": "PixMix",
    "mix-input": "Mix Input",
    "mix-aug": "Mix Aug",
    "iterative": "Iterative",
    "speckle": "Speckle",
    "ant": "ANT",
    "noise2net": "Noise2Net",
    "adversarial-linf": "ℓ∞ Adversarial",
    "adversarial-l2": "ℓ2 Adversarial",
    "sin": "SIN",
    "edsr": "EDSR",
    "apr-s": "APR-S",
    "apr-p": "APR-P",
    "apr-s+apr-p": "APR-SP",
    "hybridaugment-s": "HA-S",
    "hybridaugment-p": "HA-P",
    "hybridaugmentpp-s": "HA++-S",
    "hybridaugmentpp-p": "HA++-P",
    "hybridaugment-s+hybridaugment-p": "HA-PS",
    "hybridaugmentpp-s+hybridaugmentpp-p": "HA++-PS",
    "regmixup": "RegMixup",
    "logitnorm": "LogitNorm",
    "rotpred": "RotPred",
    "trivialaugment": "TrivialAugment",
    "randaugment": "RandAugment",
    "layermix": "LayerMix",
    "moiremix": "MoireMix",
    "pixmix+cutmix": "PixMix + CutMix",
}
FAMILIES = {
    "fractals": "Fractals",
    "fvis": "FVis of the same network",
    "deadleaves": "Dead leaves",
    "spectrum": "Spectra",
    "julia": "Julia",
    "plasma": "Plasma",
    "programs": "Programs",
    "moire": "Moiré",
    "visualatom": "VisualAtom",
}
"""What `mixset make` makes."""
GRID = [(k, beta) for beta in (5, 4, 3) for k in (2, 3, 4)]
"""k and β of Table 10."""

ROWS: dict[str, Row] = {
    **{name: Row(label=label, method=name) for name, label in LABELS.items()},
    **{name: Row(label=label, method="pixmix", sets=(name,)) for name, label in FAMILIES.items()},
    "fractals+fvis": Row(label="Fractals + FVis", method="pixmix", sets=("fractals", "fvis")),
    **{f"k{k}-beta{beta}": Row(label=f"k = {k}, β = {beta}", method="pixmix", k=k, beta=beta) for k, beta in GRID},
}
"""Every row that a table can have, by the name that --rows takes."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of the paper."""

    name: str
    caption: str
    data: str
    """The paper's data set."""
    network: str
    rows: tuple[str, ...]
    columns: tuple[Column, ...]
    dataset: str | None = None
    """The data set as `pixmix train` names it; None where it has to be a folder."""
    recipe: RecipeName = "cifar"
    layout: str = "rows"
    """How it is printed: `rows`; `outliers`, an outlier set a line; `grid`, k to the right and β downwards."""
    sets: tuple[str, ...] = ("fractals", "fvis")
    """What PixMix mixes in where a row does not say it."""
    numbers: str | None = None
    """The table of the paper whose numbers its rows have, by default the one of its name."""

    @property
    def ours(self) -> bool:
        """Whether the paper has no such table."""
        return not self.name.isdigit()

    @property
    def title(self) -> str:
        """As the paper counts it."""
        return self.caption if self.ours else f"Table {self.name}: {self.caption}"

    def paper(self, row: str, column: Column) -> float | None:
        """The paper's number, in the units of the table."""
        listed = _paper().get(self.numbers or self.name, {}).get("rows", {})
        # Rows of other tables can stand in a table whose columns are its own.
        return listed[row][self.columns.index(column)] if row in listed else None

    @property
    def notes(self) -> list[str]:
        """What is to be known about the paper's numbers."""
        return _paper().get(self.numbers or self.name, {}).get("notes", [])


@cache
def _paper() -> dict[str, Any]:
    return json.loads((files(__package__) / "paper.json").read_text())["tables"]


_CIFAR_METHODS = ("baseline", "cutout", "mixup", "cutmix", "autoaugment", "augmix", "oe", "pixmix")
_IMAGENET_METHODS = ("baseline", "cutout", "mixup", "cutmix", "autoaugment", "augmix", "sin", "pixmix")
_NOISES = ("baseline", "ant", "speckle", "noise2net", "edsr", "adversarial-linf", "adversarial-l2")
_ONE = Table(
    name="1",
    caption="PixMix variations",
    data="CIFAR-100",
    network="wrn-40-4",
    dataset="cifar100",
    rows=("pixmix", "mix-input", "mix-aug", "iterative"),
    columns=(CLEAN, C, MFR, PGD, RMS_C, AUROC),
)
_FIVE = Table(
    name="5",
    caption="Full results",
    data="ImageNet",
    network="resnet50",
    recipe="imagenet",
    rows=_IMAGENET_METHODS,
    columns=IMAGENET,
)
TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        _ONE,
        replace(
            _ONE,
            name="2",
            caption="Combining PixMix and CutMix",
            rows=("cutmix", "pixmix", "pixmix+cutmix"),
            columns=CIFAR,
        ),
        replace(_ONE, name="3", caption="Full results", rows=_CIFAR_METHODS, columns=CIFAR),
        replace(
            _ONE,
            name="4",
            caption="Full results",
            data="CIFAR-10",
            dataset="cifar10",
            rows=_CIFAR_METHODS,
            columns=CIFAR,
        ),
        _FIVE,
        replace(_FIVE, name="6", caption="Mixing sets", rows=("baseline", "fractals", "fvis", "fractals+fvis")),
        replace(_FIVE, name="7", caption="Noise-based augmentations", rows=_NOISES),
        replace(
            _FIVE,
            name="8",
            caption="Consistency by perturbation",
            rows=_NOISES,
            columns=(CLEAN, IMAGENET_P[0], *FLIPS),
        ),
        replace(
            _FIVE,
            name="9",
            caption="Out-of-distribution detection",
            data="Places365",
            network="resnet18",
            recipe="places365",
            rows=("baseline", "oe", "pixmix"),
            columns=DETECTIONS,
            layout="outliers",
        ),
        replace(
            _ONE,
            name="10",
            caption="Hyperparameters k and β",
            rows=tuple(f"k{k}-beta{beta}" for k, beta in GRID),
            columns=(CLEAN, C),
            layout="grid",
        ),
        replace(
            _FIVE,
            name="11",
            caption="Error by corruption of C",
            columns=(CLEAN, IMAGENET_C, *CORRUPTIONS),
        ),
        replace(
            _FIVE,
            name="12",
            caption="Error by corruption of C̄",
            columns=(CLEAN, C_BAR, *BAR_CORRUPTIONS),
        ),
        replace(
            _ONE,
            name="mixing-sets",
            caption="Mixing sets of every family",
            rows=("baseline", *FAMILIES, "fractals+fvis"),
            columns=CIFAR,
        ),
    )
}
"""By number; `mixing-sets` and `arena` are ours."""

RIVALS = tuple(
    name
    for name in LABELS
    if not any(name in table.rows for table in TABLES.values())
    # What changes the views does nothing by itself.
    and (name not in METHODS or METHODS[name].changes != "views")
)
"""Rows of methods that the paper does not have."""
TABLES["arena"] = replace(TABLES["3"], name="arena", caption="PixMix and its rivals", rows=(*_CIFAR_METHODS, *RIVALS))


def find_row(name: str) -> Row:
    """The row called `name`: of `ROWS`, or any other method, one of the user's own or several as A+B included.

    Raises:
        InputError: there is neither such a row nor such a method.
    """
    if name in ROWS:
        return ROWS[name]
    find_parts(name)  # refuses what is none
    labels = (LABELS.get(part, part.rpartition(":")[2]) for part in name.split("+"))
    return Row(label=" + ".join(labels), method=name)


def find_table(name: str, dataset: str | None = None) -> Table:
    """The table of that name; the arena with the paper's numbers on a data set where the paper has its columns.

    Raises:
        InputError: there is no such table (lists the known ones).
    """
    if name not in TABLES:
        raise InputError(f"table {name}: unknown; there are {', '.join(TABLES)}")
    table = TABLES[name]
    for alike in (TABLES["3"], TABLES["4"]) if name == "arena" else ():
        if alike.dataset == (dataset or table.dataset):
            return replace(table, data=alike.data, dataset=alike.dataset, numbers=alike.name)
    return table
