"""Which test images a network is measured on: the config's choice, or else those of the run that trained it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mixset._common.errors import InputError
from pixmix._evaluators.suites import EVALUATORS
from pixmix.readers._labels import ClassMap
from pixmix.readers._problems import warn_once
from pixmix.readers._robustbench import robustbench_indices

from .._data.datasets import load_test
from .._data.labelled import LabelledImages
from .._data.place_names import path_of
from .config import EvaluateConfig
from .models import Model, classes_of

DATA_FOLDER = Path("data")
"""Where downloaded data sets are kept, by default."""


@dataclass(frozen=True, kw_only=True)
class ImageChoice:
    """The test images by name; nothing is read yet."""

    dataset: str
    """As `--dataset` takes it."""
    size: int | None
    """Side in pixels; None: the data set's own."""
    subset: int | None
    """How many; None: all."""
    folder: Path
    """Where the data set is kept if it is a downloaded one."""
    download: bool
    """Whether it may be downloaded to there: not where only a run's file names the folder."""


def choose(config: EvaluateConfig, model: Model) -> ImageChoice | None:
    """The test images that `config` names, or those of the run; None where no suite needs any and none are named.

    Raises:
        InputError: a suite needs them, and neither says which.
    """
    needed = any(EVALUATORS[name].of_data for name in config.suites)
    dataset = config.dataset or (model.dataset if needed else None)
    if dataset is None:
        if needed:
            line = f"MODEL {config.model}: is no run, so name the test images: `dataset` cifar10, folder:PATH, ..."
            raise InputError(line)
        return None
    folder = config.data_folder or model.data_folder or DATA_FOLDER
    return ImageChoice(
        dataset=dataset,
        size=config.size or model.size,
        # As many as the run has, if they are its images.
        subset=config.test_subset or (model.test_subset if dataset == model.dataset else None),
        folder=folder,
        download=config.data_folder is not None or folder == DATA_FOLDER,
    )


def load(images: ImageChoice, config: EvaluateConfig, model: Model, class_map: ClassMap | None) -> LabelledImages:
    """Read the test images, labelled by the numbers of the network's classes."""
    if config.dataset is None and path_of(images.dataset) is not None:
        warn_once(
            f"MODEL {config.model}: its config.json names the test images {images.dataset}; --dataset names others"
        )
    test = load_test(
        images.dataset,
        size=images.size,
        folder=images.folder,
        subset=images.subset,
        network=lambda side: classes_of(model, side),
        class_map=class_map,
        download=images.download,
    )[1]
    if not config.robustbench:
        return test
    return test.take(robustbench_indices([Path(file.name).name for file in test.files], f"dataset {images.dataset}"))
