"""The cells of the evidence: which there are and in which order, how one is run, and what tells it from another."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mixset import MixingSet
from mixset._common.errors import reading
from mixset._common.jsons import canonical_json, json_hash, parse_object
from mixset._common.seals import file_hash
from mixset.generate._networks.spec import CONFIG
from pixmix.methods import find_parts
from pixmix.train._ablations.config import AblateConfig
from pixmix.train._ablations.plan import Plan, Task, make_plan, training
from pixmix.train._ablations.tables import find_row
from pixmix.train._runs.config import recipe
from pixmix.train._runs.method_settings import GROUPS
from pixmix.train._runs.processes import choose_device, precision

PROTOCOL = 1
"""The version of what a cell's numbers mean, part of its key: another one makes every cell anew.

Raise it with a change of what is computed: a method's draws or arithmetic, the training loop's, the images of C, C̄ and
P, the attack, the synthetic outliers, the formula of a measure that the tables show. What makes a cell faster, or only
says more about it, leaves it as it is.
"""
SETTINGS = (
    *("method", "network", "init", "dropout", "epochs", "batch_size", "lr", "momentum", "weight_decay"),
    *("size", "subset", "test_subset", "seed"),
)
"""What every run's recipe says; the settings of its method come on top."""
SIZES = ("network", "epochs", "subset", "test_subset")
"""Those of which a small cell has others than a whole one."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large the cells are; by default as large as the paper's."""

    network: str | None = None
    epochs: int | None = None
    subset: int | None = None
    test_subset: int | None = None
    fractals: int = 14_230
    fvis: int = 4_690

    @property
    def name(self) -> str:
        """A folder's name for the cells of this scale."""
        return "whole" if self == Scale() else f"small-{digest(asdict(self))}"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A row of the table under one seed."""

    row: str
    """As `pixmix ablate --rows` names it."""
    seed: int = 0
    sets: tuple[str, ...] = ()
    """The mixing sets."""
    cost: float = 1.0
    """How long training takes, in trainings of the baseline."""

    @property
    def name(self) -> str:
        """What --cells and files call it."""
        return f"{self.row}-s{self.seed}"


FRACTALS = ("fractals",)
CELLS = (
    Cell(row="pixmix", sets=FRACTALS),
    Cell(row="baseline"),
    Cell(row="mix-input"),
    Cell(row="mix-aug", sets=FRACTALS),
    Cell(row="pixmix", seed=1, sets=FRACTALS),
    Cell(row="baseline", seed=1),
    Cell(row="cutmix"),
    Cell(row="cutout"),
    Cell(row="mixup"),
    Cell(row="autoaugment"),
    Cell(row="pixmix+cutmix", sets=FRACTALS),
    Cell(row="iterative", cost=1.5),
    Cell(row="fractals+fvis", sets=("fractals", "fvis")),
    Cell(row="fvis", sets=("fvis",)),
    Cell(row="augmix", cost=3.0),  # three views
    Cell(row="oe", cost=3.0),  # two outliers an image
)
"""In the order in which they are run."""
VISUALISED = "baseline-s0"
"""The cell whose network is visualised."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """What the cells are made from, where they are made, and on what."""

    data: Path
    """The data set: train/ and test/ with a folder a class."""
    out: Path
    scale: Scale
    fvis: Path
    """The set of visualisations of the baseline's network, there or to be made."""
    ood: Path | None = None
    frost: Path | None = None
    outliers: Path | None = None
    devices: tuple[str, ...] = ("auto",)

    @property
    def folder(self) -> Path:
        """Where `pixmix ablate` works."""
        return self.out / self.scale.name

    def config(self, cells: Sequence[Cell]) -> AblateConfig:
        """What `pixmix ablate` is asked for: cells of one seed."""
        scale = self.scale
        return AblateConfig(
            table="mixing-sets",
            dataset=f"folder:{self.data}",
            rows=tuple(cell.row for cell in cells),
            seeds=(cells[0].seed,),
            **{name: getattr(scale, name) for name in (*SIZES, "fractals", "fvis")},
            sets=FRACTALS,
            # Those that are kept, not those that the table would make: another machine may have made them.
            mixing_set=(str(self.fvis),) if any("fvis" in cell.sets for cell in cells) else (),
            outliers=self.outliers if any(cell.row == "oe" for cell in cells) else None,
            ood=self.ood,
            partial=True,
            frost=self.frost,
            devices=self.devices,
            out=self.folder,
        )

    def plan(self, cell: Cell) -> tuple[Plan, Task, Path]:
        """A cell's tasks, the last of them, and its run folder."""
        plan = make_plan(self.config([cell]))
        return plan, plan.tasks[plan.cells[0].task], plan.cells[0].run

    def key(self, cell: Cell) -> dict[str, Any]:
        """What tells a cell from others, as JSON types; None stands for the content of a set that is not there yet."""
        config = training(self.config([cell]), find_row(cell.row), cell.seed)
        settings = config.to_json()
        groups = {group for part in find_parts(config.method) for group in GROUPS[part] if group in settings}
        folders = {"fractals": self.folder / "sets" / "fractals", "fvis": self.fvis}
        amp = precision("auto", choose_device(self.config([cell]).places[0]))
        key = {
            "protocol": PROTOCOL,
            "recipe": {name: settings[name] for name in (*SETTINGS, *sorted(groups))},
            "precision": str(amp).removeprefix("torch.") if amp else "float32",
            "sets": {
                name: {"count": getattr(self.scale, name), "content": _content(folders[name])} for name in cell.sets
            },
            "dataset": content_of(self.data),
            "ood": content_of(self.ood) if self.ood else None,
            "outliers": content_of(self.outliers) if self.outliers and cell.row == "oe" else None,
        }
        return parse_object(canonical_json(key))  # as it is read again, without tuples


def is_whole(key: dict[str, Any]) -> bool:
    """Whether a cell is as large as the paper's."""
    paper, scale = recipe("cifar").to_json(), Scale()
    counts = all(made["count"] == getattr(scale, name, None) for name, made in key["sets"].items())
    return counts and all(key["recipe"].get(name) == paper[name] for name in (*SIZES, "batch_size", "lr", "dropout"))


def fits(known: dict[str, Any], key: dict[str, Any]) -> bool:
    """Whether `key` is that of a cell of which so much is known."""
    blank = {name: made | {"content": None} for name, made in key["sets"].items()}
    lacking = {name for name, made in known["sets"].items() if made["content"] is None}
    sets = {name: blank[name] if name in lacking else made for name, made in key["sets"].items()}
    return known == key | {"sets": sets}


@functools.cache  # a data set's 60,000 files take two seconds, and every cell's key asks for them
def content_of(folder: Path) -> str:
    """The hash of a file, or of a folder's files, of their names and bytes; hidden ones are left out."""
    if not folder.is_dir():
        return file_hash(folder)
    found = hashlib.sha256()
    with reading(str(folder), "unpack it again"):
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and not any(part.startswith(".") for part in Path(name).parts):
                found.update(f"{name}\0".encode(errors="surrogateescape"))
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _content(folder: Path) -> str | None:
    return MixingSet(folder).content_hash() if (folder / "mixset.json").exists() else None


def digest(key: dict[str, Any]) -> str:
    """A key in eight characters, for a file's name."""
    return json_hash(key)[:8]


def epochs_done(run: Path) -> int:
    """How many epochs a run has behind it."""
    log = run / "log.jsonl"
    return log.read_bytes().count(b"\n") if (run / CONFIG).exists() and log.exists() else 0
