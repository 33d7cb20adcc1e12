"""`pixmix ablate`: which table, on which data, at which size, where."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from mixset._common.errors import InputError
from mixset._common.named import FORMS, names_code
from mixset._common.ranges import COUNT, SEED, WEIGHT, check_range, check_ranges
from pixmix.methods import METHODS

from .._data.place_names import last_part
from .._runs.config import LARGE, RECIPES, TRAINING, Precision, RecipeName
from .._runs.iterative_settings import IterativeSettings
from .tables import FAMILIES, ROWS, Table, find_table


@dataclass(frozen=True, kw_only=True)
class AblateConfig:
    """Run what a table of the paper needs, and print it in the table's own shape.

    Each cell shows ours (mean ± standard deviation over the seeds), the paper's number and the difference. What the
    runs need is made on the way: the mixing sets (fractals, and feature visualisations of the baseline's own network)
    and C, C-bar and P of the test images. What is finished is never done again, a run that fails is shown as failed
    while the others go on, and any number of calls share one --out. Without other flags a table is run at the paper's
    full size; --plan prints the commands and runs nothing.

    Examples:
        pixmix ablate 1 --seeds 0 1 2 --devices cuda:0 cuda:1
        pixmix ablate 4 --rows baseline augmix pixmix --c CIFAR-10-C --cbar CIFAR-10-C-Bar --p CIFAR-10-P --ood OOD
        pixmix ablate 6 --dataset folder:flowers --recipe quick --epochs 5 --subset 2000 --test-subset 500
        pixmix ablate 10 --part 3/16    # in a job array
        pixmix ablate mixing-sets --mixing-set my-set photographs
        pixmix ablate arena --dataset cifar10 --plus jsd --seeds 0 1 2
    """

    table: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TABLE")]
    """1 to 12, as the paper's supplement counts them, mixing-sets: every family of `mixset make`, and any folder,
    beside each other, or arena: the paper's methods and their rivals by all measures of Table 3."""
    dataset: str | None = None
    """What is trained and measured on: cifar10, cifar100, fashionmnist, digits, or folder:PATH with train/ and test/ of
    one folder a class, or store:PATH. By default the paper's; the tables of ImageNet (5 to 8, 11, 12) and Places365 (9)
    need a folder."""
    rows: tuple[str, ...] = ()
    """Some rows, by the method's name or the set's; others than the table's own, such as pixmix+mixup or a method of
    your own, module:function or FILE.py:function, have no paper number. By default all."""
    plus: str | None = None
    """A method that is added to every row that it composes with: jsd, cutmix, ...; other rows stay as they are."""
    seeds: tuple[int, ...] = (0,)
    """A run each; with several, cells show mean and standard deviation."""

    recipe: RecipeName | None = None
    """Where the other defaults come from: cifar, imagenet, places365, vit-s, quick; by default the table's."""
    network: str | None = None
    """The network: wrn-DEPTH-WIDTH, resnet18, resnet50, module:function or FILE.py:function; by default the recipe's,
    as all that follows to --test-subset."""
    init: str | None = None
    """Start from weights: torchvision, or a checkpoint file."""
    epochs: int | None = None
    """Passes over the training images."""
    batch_size: int | None = None
    """Images in a training step."""
    lr: float | None = None
    """Learning rate of the first step."""
    dropout: float | None = None
    """Dropout inside the blocks of a Wide ResNet."""
    amp: Precision | None = None
    """Mixed precision of training: auto is bf16 (else fp16) on a GPU and off on a CPU."""
    size: int | None = None
    """Side of the images in pixels; by default the data set's own."""
    subset: int | None = None
    """Train on that many images, the first of each class."""
    test_subset: int | None = None
    """Test on that many images, the first of each class; C, C-bar and P are made of them, too."""
    iterative: IterativeSettings = field(default_factory=IterativeSettings)

    mixing_set: tuple[str, ...] = ()
    """What is mixed in, in place of the sets that are made; for mixing-sets, folders that get rows of their own."""
    weights: tuple[float, ...] = ()
    """How often each folder of --mixing-set is drawn from; by default each image equally often."""
    sets: tuple[str, ...] = ()
    """Generated sets that are mixed in by the rows that name none, such as fractals; by default the table's, fractals
    and fvis."""
    fractals: int = 14_230
    """Images in each generated set but the visualisations; as many as the paper has fractals."""
    fvis: int = 4_690
    """Feature visualisations of the baseline's network; as many as the paper has."""
    outliers: Path | None = None
    """Images for outlier exposure (the row OE): a folder, a set, or 300K_random_images.npy."""
    copies: Path | None = None
    """Altered copies of the training images for the rows SIN and EDSR: a folder with one folder a class."""

    c: Path | None = None
    """The set of the suite c: CIFAR-10-C, CIFAR-100-C or ImageNet-C; by default it is made of the test images."""
    cbar: Path | None = None
    """The set of the suite cbar; by default it is made of the test images."""
    p: Path | None = None
    """The set of the suite p; by default it is made of the test images."""
    r: Path | None = None
    """The set of the suite r, ImageNet-R; without it its columns stay empty."""
    ood: Path | None = None
    """A folder of out-of-distribution sets for the suite anomalies; without it the three synthetic ones."""
    partial: bool = False
    """Leave out what is missing in a set, and say so in the result, in place of refusing it."""
    frost: Path | None = None
    """A folder with the photographs of frost of ImageNet-C's authors, where the package that has them is not
    installed."""

    devices: tuple[str, ...] = ("auto",)
    """Where to compute, side by side: a cell on each, as cuda:0 cuda:1 or cuda:0,cuda:1. A device that is named twice
    runs two cells at a time, which share its memory."""
    part: str = "1/1"
    """i/n: this is job i of n on one folder: it runs every n-th cell and what that needs. Whichever ends last prints
    the whole table."""
    workers: int | None = None
    """Workers that load images, for each run; by default the recipe's."""
    compile: bool = False
    """Compile the network (torch.compile), in every run."""
    eval_batch_size: int = 500
    """Images in a forward pass of the measures."""
    data_folder: Path = Path("data")
    """Where downloaded data sets lie."""
    out: Path | None = None
    """Where the result goes: the folder for sets, suites, runs, logs and tables, shared by tables; by default
    ablations/DATASET."""
    plan: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print what would be run, and stop."""

    def __post_init__(self) -> None:
        table = find_table(self.table)
        if self.dataset is None and table.dataset is None:
            raise InputError(f"table {self.table}: is about {table.data}; name a folder: `dataset`")
        if self.recipe is not None and self.recipe not in RECIPES:
            raise InputError(f"recipe {self.recipe}: unknown; the recipes are {', '.join(RECIPES)}")
        for name in self.rows:
            if name in ROWS or name in self.own_sets or _names_methods(name):
                continue
            raise InputError(
                f"rows {name}: unknown; table {self.table} has {', '.join(table.rows)}; a method of your own is "
                f"named {FORMS}"
            )
        if self.plus is not None and not _names_methods(self.plus):
            raise InputError(f"plus {self.plus}: unknown; the methods are {', '.join(METHODS)}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InputError("seeds: give at least one, and each once")
        if self.table == "6" and self.mixing_set:
            raise InputError("mixing_set: table 6 compares sets that are made on the way; try `ablate mixing-sets`")
        if self.table == "mixing-sets" and len(self.own_sets) < len(self.mixing_set):
            raise InputError("mixing_set: two of the folders have the same name, and rows are named by it")
        if self.sets and self.mixing_set and not self.own_sets:
            raise InputError("sets: `mixing_set` takes their place; give one of the two")
        known = {**FAMILIES, **self.own_sets}
        if unknown := [name for name in self.sets if name not in known]:
            raise InputError(f"sets {unknown[0]}: unknown; there are {', '.join(known)}")
        if len({*self.sets}) < len(self.sets):
            raise InputError("sets: give each once")
        if self.weights and len(self.weights) != len(self.mixing_set):
            raise InputError(f"`weights` has {len(self.weights)} numbers for {len(self.mixing_set)} mixing sets")
        numbers = (
            "lr",
            "dropout",
            "epochs",
            "batch_size",
            "size",
            "subset",
            "test_subset",
            "workers",
            "eval_batch_size",
        )
        check_ranges(self, {**{name: TRAINING[name] for name in numbers}, "fractals": COUNT, "fvis": COUNT})
        for seed in self.seeds:
            check_range("seeds", seed, SEED)
        for weight in self.weights:
            check_range("weights", weight, WEIGHT)
        if not all(self.places):
            raise InputError("devices: name at least one")
        number, count = self.share
        if not 1 <= number <= count:
            raise InputError(f"part {self.part}: must be i/n with i from 1 to n, such as 1/4")

    @property
    def trained_by(self) -> str:
        """The recipe of the runs: the one asked for, or the table's."""
        return self.recipe or self.paper.recipe

    @property
    def large(self) -> bool:
        """Whether the runs are of a recipe for images of 224 px."""
        return self.trained_by in LARGE

    @property
    def paper(self) -> Table:
        """The table."""
        return find_table(self.table, self.dataset)

    @property
    def places(self) -> list[str]:
        """Of --devices: a name for each cell that runs at a time."""
        return ",".join(self.devices).split(",")

    @property
    def data_name(self) -> str:
        """What the runs are trained on, as `pixmix train` names it."""
        return self.dataset or self.paper.dataset or ""

    @property
    def own_sets(self) -> dict[str, str]:
        """For mixing-sets, the user's folders by the names of their rows."""
        if self.table != "mixing-sets":
            return {}
        return {Path(name).name: name for name in self.mixing_set}

    @property
    def share(self) -> tuple[int, int]:
        """Of --part: number and count."""
        found = re.fullmatch(r"(\d+)/(\d+)", self.part)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    @property
    def folder_name(self) -> str:
        """The data set without its path."""
        return last_part(self.data_name)

    @property
    def folder(self) -> Path:
        """Where everything goes."""
        return self.out or Path("ablations") / self.folder_name


def _names_methods(name: str) -> bool:
    """Whether each part of A+B is a method, or has the form of one of the user's own."""
    return all(part in METHODS or names_code(part) for part in name.split("+"))
