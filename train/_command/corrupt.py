"""`pixmix corrupt`: what to corrupt, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from mixset._common.errors import InputError
from mixset._common.files import ensured_folder
from mixset._common.ranges import COUNT, SEED, SIDE, check_ranges

from .._data.place_names import path_of

if TYPE_CHECKING:
    from pixmix.corruptions._making.sources import Source

FIGURES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, kw_only=True)
class CorruptConfig:
    """Write the corruptions of a benchmark for any labelled images, in the official layouts; or show them.

    Interrupted, the same command goes on. What becomes of an image is a function of the seed, the image's number,
    corruption and severity alone.

    Examples:
        pixmix corrupt cifar100 CIFAR-100-C-Bar --suite cbar
        pixmix corrupt folder:flowers flowers-c --size 224 --corruptions fog snow motion_blur
        pixmix corrupt digits digits-p --suite p
        pixmix corrupt --show dog.jpg corruptions.png --suite c --extra
    """

    dataset: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATASET")]
    """What is trained and measured on, here the test images: digits, cifar10, cifar100, fashionmnist, or folder:PATH
    with a folder a class, itself or within test/ (or val/), or store:PATH. With --show, an image."""
    out: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="OUT")]
    """Where the result goes: the folder to write, made when missing. With --show, the figure to write."""
    suite: Literal["c", "cbar", "p"] = "c"
    """Suites to measure, by name, of which one is made: c, the 15 corruptions of ImageNet-C and CIFAR-C at 5
    severities; cbar, the 10 of their C-bar; p, the 10 sequences of ImageNet-P and CIFAR-P."""
    size: int | None = None
    """Side of the images in pixels; by default the data set's own (folders of large images, and --show: 224). Up to 64
    what is made has CIFAR's constants and goes into .npy files; above, ImageNet's, into a JPEG (sequences: a video)
    each."""
    test_subset: int | None = None
    """Test on that many images, the first of each class, and corrupt no others; by default all."""
    classes: Path | None = None
    """A class map: a text file with a line for each class folder, FOLDER NUMBER, where labels are to be other numbers
    than the folders' order; - leaves a folder out."""
    corruptions: tuple[str, ...] = ()
    """Some by name, also those that --extra adds, harder noises such as gaussian_noise_2, and spatter_corrected, which
    lacks the black frames of the original's spatter; an unknown name gets the list."""
    severities: tuple[int, ...] = (1, 2, 3, 4, 5)
    """Some of 1 to 5. An .npy file with others than all five is shorter than the official ones."""
    extra: bool = False
    """Add the four of C or P that were made for validation; of C-bar the five that the other size's list has."""
    frost: Path | None = None
    """A folder with the photographs of frost of ImageNet-C's authors (frost1.png to frost5.jpg), where the package that
    has them is not installed."""
    seed: int = 0
    """Seed of all that is drawn. The official archives were drawn without a seed, so none gives their pixels."""
    workers: int | None = None
    """Workers that corrupt images; by default one for each core. Their number does not change a byte."""
    data_folder: Path = Path("data")
    """Where downloaded data sets lie."""
    show: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Draw a figure of one image instead: a row for each corruption, a column for each severity (of sequences, some
    frames)."""

    def __post_init__(self) -> None:
        check_ranges(self, {"size": SIDE, "test_subset": COUNT, "seed": SEED, "workers": (1, 1000)})
        if not self.severities or sorted(set(self.severities) & set(range(1, 6))) != sorted(self.severities):
            raise InputError(f"severities: some of 1 to 5 are needed, each once, got {self.severities}")
        if self.show and self.out.suffix.lower() not in FIGURES:
            raise InputError(f"out {self.out}: the figure must end in .png, .jpg or .webp")


def corrupt(config: CorruptConfig) -> Path:
    """Write what `config` says and return the folder, or with `show` the figure."""
    if config.show:
        from mixset._common.files import check_file, save_image

        from .._figures.corruption_figure import draw

        check_file(config.out)
        figure = draw(
            Path(config.dataset),
            suite=config.suite,
            size=config.size or 224,
            names=config.corruptions,
            extra=config.extra,
            severities=config.severities,
            seed=config.seed,
            frost_folder=config.frost,
        )
        save_image(figure, config.out)
        return config.out
    from pixmix.corruptions._making.job import corrupt as write
    from pixmix.corruptions._making.suites import members

    # A wrong name is told before all images are read.
    members(config.suite, config.size or 0, names=config.corruptions, extra=config.extra, frost_folder=config.frost)
    with ensured_folder(config.out, "folder"):
        return write(
            load_source(config),
            config.out,
            suite=config.suite,
            corruptions=config.corruptions,
            severities=config.severities,
            extra=config.extra,
            frost=config.frost,
            seed=config.seed,
            workers=config.workers,
        )


def load_source(config: CorruptConfig) -> Source:
    """The test images of the config's data set."""
    from pixmix.corruptions._making.sources import Source, file_names
    from pixmix.corruptions._shared.base import SMALL
    from pixmix.readers import read_class_map

    from .._data.datasets import load_test
    from .._data.folders import test_folder
    from .._data.places import place_of
    from .._data.sources import names_of

    class_map = None if config.classes is None else read_class_map(config.classes)
    classes, test = load_test(
        config.dataset, size=config.size, folder=config.data_folder, subset=config.test_subset, class_map=class_map
    )
    names: tuple[str, ...] = ()
    if test.size > SMALL and test.array is None:
        place = place_of(config.dataset)
        assert place is not None, "only these are read from files"
        own = names_of(test.files, test_folder(place).path)
        names = file_names(own, Path(), [classes[label] for label in test.labels])
    elif test.size > SMALL:
        names = tuple(f"{classes[label].replace('/', '_')}/{index:05d}" for index, label in enumerate(test.labels))
    return Source(
        name=_name(config.dataset),
        size=test.size,
        labels=test.labels,
        array=test.array,
        files=tuple(test.files),
        names=names,
        subset=config.test_subset,
        classes=() if class_map else classes,  # a map says by itself which numbers they are
    )


def _name(dataset: str) -> str:
    """A data set's name; of a folder or a store its last part, so that a moved one stays the same."""
    path = path_of(dataset)
    return dataset if path is None else path.resolve().name
