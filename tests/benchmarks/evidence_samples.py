"""Sites, measures and results for the tests of the evidence."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
from evidence_cells import CELLS, Cell, Scale, Site
from evidence_results import Result
from PIL import Image

from pixmix.train._ablations.columns import CIFAR
from pixmix.train._runs.config import recipe

BY_NAME = {cell.name: cell for cell in CELLS}
SMALL = Scale(network="wrn-10-1", epochs=1, subset=12, test_subset=6, fractals=4, fvis=4)


def write_images(folder: Path, count: int, seed: int) -> None:
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for index in range(count):
        Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)).save(folder / f"{index}.png")


def write_data(root: Path) -> Path:
    """A data set of two classes, 8 and 4 images each, 16 px."""
    for seed, name in enumerate(("train/a", "train/b", "test/a", "test/b")):
        write_images(root / name, 8 if name.startswith("train") else 4, seed)
    return root


def write_frost(root: Path) -> Path:
    """Five photographs, of nothing."""
    root.mkdir()
    random = np.random.default_rng(0)
    for name in ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg"):
        Image.fromarray(random.integers(0, 256, (90, 90, 3), np.uint8)).save(root / name)
    return root


def site(root: Path, scale: Scale = SMALL, **changes: Any) -> Site:
    """A place for cells of a data set of two classes."""
    data, frost = root / "data", root / "frost"
    if not data.exists():
        write_data(data)
        write_frost(frost)
    options: dict[str, Any] = {"data": data, "out": root / "out", "frost": frost, "devices": ("cpu",)}
    return Site(**{**options, "scale": scale, "fvis": root / "out" / "fvis", **changes})


def measures(value: float) -> dict[str, Any]:
    """What an evaluation measured: the same in every column, as a share."""
    found: dict[str, Any] = {"dataset": "data"}
    for column in CIFAR:
        part = found
        for name in column.measure.path[:-1]:
            part = part.setdefault(name, {})
        part[column.measure.path[-1]] = {"value": value, "n": 10}
    found["anomalies"]["mean"]["auroc"] |= {"sets": ["blobs", "textures"], "absent": ["svhn"]}
    return found


def result(name: str, value: float = 0.2, *, content: str = "c", **recipe_changes: Any) -> Result:
    """A whole cell that measured `value` in every column."""
    cell: Cell = BY_NAME[name]
    settings = {**recipe("cifar").to_json(), "seed": cell.seed, "method": cell.row, **recipe_changes}
    names = ("method", "network", "epochs", "batch_size", "lr", "dropout", "subset", "test_subset", "seed")
    return Result(
        cell=name,
        row=cell.row,
        seed=cell.seed,
        key={
            "protocol": 1,
            "recipe": {one: settings[one] for one in names},
            "precision": "bfloat16",
            "sets": {one: {"count": getattr(Scale(), one), "content": content} for one in cell.sets},
            "dataset": "d",
            "ood": None,
            "outliers": None,
        },
        images={"dataset": "cifar10"},
        commands=["pixmix train folder:cifar10"],
        versions={"torch": "2.11.0"},
        card="A card",
        devices=["cuda:0"],
        date="2026-11-27",
        seconds={"training": 200.0 * cell.cost, "measures": 150.0},
        metrics=copy.deepcopy(measures(value)),
    )
