"""The images beside the test images: held out, trained on, and outliers to tune on; read once the test images are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os.path import isdir
from typing import Any

from mixset._common.errors import InputError
from pixmix._evaluators.image_sets import ImageSet
from pixmix._evaluators.overlap import check_apart
from pixmix._evaluators.set_names import TEMPERED
from pixmix.readers._labels import ClassMap
from pixmix.readers._outliers import open_outliers
from pixmix.readers._problems import warn_once
from pixmix.scores import ScoreSettings, find_score

from .._data.datasets import load_test, load_training
from .._data.labelled import LabelledImages
from .._data.place_names import path_of
from .config import EvaluateConfig
from .images import DATA_FOLDER
from .models import Model, classes_of

SPLIT = "split"
"""What `calibrate_on` is called where each half of the test images is calibrated on the other."""
_KINDS = {"validation": "held_out", "training": "training"}
"""What scores need, and what results call it."""


@dataclass(frozen=True, kw_only=True)
class BesideTest:
    """Images that are not measured, as `pixmix.evaluate` takes them; None where there are none."""

    held_out: Any = None
    training: Any = None
    tuning: Any = None
    scores: ScoreSettings
    names: Mapping[str, str]
    """What the user calls each of them."""

    def arguments(self) -> dict[str, Any]:
        """Those of `pixmix.evaluate`."""
        return {name: getattr(self, name) for name in ("held_out", "training", "tuning")}

    def noted(self, measured: dict[str, Any]) -> dict[str, Any]:
        """The measures, with what their temperature was fitted on, and the scores prepared and tuned on."""
        if "held_out" in self.names:
            for name in TEMPERED:
                _note_fit(measured.get(name, {}), self.names["held_out"])
        for name, of_score in measured.get("anomalies", {}).get("mean", {}).items():
            if isinstance(of_score, dict) and name in self.scores.names:
                of_score |= self._used_by(name, tuned="trials" in of_score)
        return measured

    def _used_by(self, score: str, *, tuned: bool) -> dict[str, str]:
        """The images that a score was prepared and tuned on, by what they are."""
        kinds = {_KINDS[need] for need in find_score(score).needs if need in _KINDS}
        kinds |= {"held_out", "tuning"} if tuned else set()
        return {kind: self.names[kind] for kind in sorted(kinds)}


def _note_fit(measured: dict[str, Any], name: str) -> None:
    """Write what a suite's temperature was fitted on, also into those of its variants."""
    for part in (measured, *measured.values()):
        if "temperature" in part:
            part["temperature"]["fitted_on"] = name


def load_beside(
    config: EvaluateConfig, model: Model, scores: ScoreSettings, test: LabelledImages | None, class_map: ClassMap | None
) -> BesideTest:
    """Read what `calibrate_on`, `tune_on` and the scores ask for.

    Raises:
        InputError: something of it is missing, or cannot be read at the size of the test images.
    """
    given: dict[str, Any] = {}
    names: dict[str, str] = {}
    if config.calibrate_on is not None:
        names["held_out"] = config.calibrate_on
        given["held_out"] = SPLIT
        if config.calibrate_on != SPLIT:
            size = model.size or config.size if test is None else test.size
            given["held_out"] = _held_out(config.calibrate_on, model, size, class_map)
            _check_not_trained_on(given["held_out"], config, model, size)
    if test is None:
        return BesideTest(**given, scores=scores, names=names)
    if config.tune_on is not None:
        names["tuning"] = str(config.tune_on)
        given["tuning"] = open_outliers(config.tune_on, test.size)
    if "anomalies" in config.suites and "training" in scores.needs:
        names["training"], given["training"] = _training(config, model, test.size, class_map)
    return BesideTest(**given, scores=scores, names=names)


def _held_out(folder: str, model: Model, size: int | None, class_map: ClassMap | None) -> Any:
    if not isdir(folder):
        raise InputError(f"calibrate_on {folder}: no such folder; give one with a folder for each class, or {SPLIT}")
    return load_test(f"folder:{folder}", size=size, network=lambda side: classes_of(model, side), class_map=class_map)[
        1
    ].labelled


def _check_not_trained_on(held_out: Any, config: EvaluateConfig, model: Model, size: int | None) -> None:
    """InputError where a run was trained on images that are to be held out, as far as these can be read."""
    if model.dataset is None:
        return
    try:
        images = load_training(
            model.dataset,
            size=size,
            folder=config.data_folder or model.data_folder or DATA_FOLDER,
            subset=model.subset,
            network=lambda side: classes_of(model, side),
            download=False,
        )
    except InputError:  # gone since, or on another machine; the measures do not need it
        return
    check_apart("calibrate_on", ImageSet(held_out), "training images", ImageSet(images.labelled))


def _training(config: EvaluateConfig, model: Model, size: int, class_map: ClassMap | None) -> tuple[str, Any]:
    """The training images and their name: those that are given, or those of the run, or beside the test images."""
    own = config.training_images is None and model.dataset is not None
    name = config.training_images or model.dataset or config.dataset
    assert name is not None, "there are test images"
    root = path_of(name)
    if root is not None and config.training_images is None and not isdir(root / "train"):
        raise InputError(
            f"score: some need the training images, and {root} has no train/; name them: `training_images`"
        )
    if own and root is not None:
        warn_once(
            f"MODEL {config.model}: its config.json names the training images {name}; --training-images names others"
        )
    folder = config.data_folder or model.data_folder or DATA_FOLDER
    images = load_training(
        name,
        size=size,
        folder=folder,
        subset=model.subset if own else None,
        network=lambda side: classes_of(model, side),
        class_map=None if own else class_map,
        download=config.data_folder is not None or folder == DATA_FOLDER,
    )
    return name, images.labelled
