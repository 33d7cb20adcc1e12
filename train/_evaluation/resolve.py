"""From what `pixmix evaluate` is asked to what is measured on what; all that can be wrong is found here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

import pixmix
from mixset._common.errors import InputError
from mixset._common.seals import file_hash
from pixmix._common.normalized import Normalized
from pixmix._evaluators.last_layer import named_layers
from pixmix._evaluators.saved import SavedLogits, read_logits
from pixmix._evaluators.set_names import MADE
from pixmix._evaluators.sets import Reading
from pixmix._evaluators.store import network_fingerprint
from pixmix._evaluators.suites import EVALUATORS, check_suites
from pixmix.readers import read_class_map
from pixmix.readers._labels import ClassMap
from pixmix.scores import ScoreSettings

from .._data.labelled import LabelledImages
from .._data.places import form_of
from .._runs.trials import try_network
from .beside_test import SPLIT, BesideTest, load_beside
from .config import EvaluateConfig
from .images import ImageChoice, choose, load
from .models import Model, load_model
from .output import Output
from .rotations import rotation_head


@dataclass(frozen=True, kw_only=True)
class NetworkSubject:
    """A network, tried, and the images and sets it is measured on, opened."""

    config: EvaluateConfig
    output: Output
    network: Normalized
    test: LabelledImages | None
    """The test images; None where no suite needs any."""
    sets: Mapping[str, Any]
    """Suite → its opened set."""
    beside: BesideTest
    """Images that are not measured."""
    scores: ScoreSettings
    about: Mapping[str, Any]
    """What `metrics.json` says of network and images; nothing in a run's own folder, which says it already."""

    def measure(self, device: torch.device) -> dict[str, Any]:
        """Suite → its measures; under `torchrun` all processes call this together."""
        if device.type == "cuda":
            self.network.to(device).to(memory_format=torch.channels_last)  # as the images are; tensor cores want it
        measured = pixmix.evaluate(
            self.network,
            self.config.suites,
            None if self.test is None else self.test.labelled,
            **self.beside.arguments(),
            scores=self.scores if any(EVALUATORS[name].of_scores for name in self.config.suites) else None,
            sets=self.sets,
            attack=self.config.attack,
            autoattack=self.config.autoattack,
            batch_size=self.config.eval_batch_size,
            device=device,
            seed=self.config.seed,
            logits_folder=self.output.logits,
            workers=self.config.workers,
            progress=True,
            precision=self.config.eval_precision,
        )
        return self.beside.noted(measured)


@dataclass(frozen=True, kw_only=True)
class LogitsSubject:
    """Logits that another program saved."""

    config: EvaluateConfig
    logits: SavedLogits
    about: Mapping[str, Any]

    def measure(self, device: torch.device) -> dict[str, Any]:
        """Suite → its measures."""
        return self.logits.measure(seed=self.config.seed)


def resolve(config: EvaluateConfig, output: Output) -> NetworkSubject | LogitsSubject:
    """What is measured on what.

    Raises:
        InputError: anything that cannot be: network, classes, test images, suites, their sets, or the output folder.
    """
    scores = config.scores
    if config.logits is not None:
        output.check_precision("float32")
        logits = read_logits(
            config.logits,
            config.suites,
            probabilities=config.logits_are == "probabilities",
            split=config.calibrate_on == SPLIT,
            scores=scores,
            partial=config.partial,
        )
        about: dict[str, Any] = {"model": str(config.logits), "network": file_hash(config.logits)}
        output.check(about)
        return LogitsSubject(config=config, logits=logits, about=about)
    output.check_precision(config.eval_precision)
    output.check_board(config.robustbench)
    _check_suites(config)
    class_map = None if config.classes is None else read_class_map(config.classes)
    model = load_model(
        config.model,
        network=config.network,
        mean=config.mean,
        std=config.std,
        best=config.checkpoint == "best",
        ema=config.ema,
        trust=config.trust,
    )
    named_layers(model.network, config.layer)  # before the test images are read
    chosen = choose(config, model)
    about = _describe(config, output, model, chosen, class_map)
    output.check(about)
    test = None if chosen is None else load(chosen, config, model, class_map)
    if class_map and test is None and not {"c", "cbar"} & config.sets.keys():
        raise InputError(f"classes {config.classes}: is for class folders of `dataset`, `c` or `cbar`; leave it out")
    sets = _open_sets(config, model, test, class_map)
    return NetworkSubject(
        config=config,
        output=output,
        network=model.network,
        test=test,
        sets=sets,
        beside=load_beside(config, model, scores, test, class_map),
        scores=replace(scores, rotations=rotation_head(model.run)) if "turned" in scores.needs else scores,
        about=about,
    )


def _check_suites(config: EvaluateConfig) -> None:
    for name in config.suites:
        if name not in EVALUATORS:
            raise InputError(f"suite {name}: unknown; the suites are {', '.join(EVALUATORS)}")
        if EVALUATORS[name].of_set and name not in config.sets:
            remedy = "; `pixmix corrupt` makes one of any images" if name in MADE else ""
            raise InputError(f"suite {name}: needs the folder of its set, `{name}` PATH{remedy}")


def _describe(
    config: EvaluateConfig, output: Output, model: Model, chosen: ImageChoice | None, class_map: ClassMap | None
) -> dict[str, Any]:
    """What `metrics.json` says of network and images; InputError where the output folder is for others."""
    if model.run is not None and output.folder.resolve() == model.run.path.resolve():
        _check_own_images(config, model, class_map)
        if config.checkpoint == "best":
            raise InputError(f"{output.folder}: has the measures of the run's last weights; choose another `out`")
        return {}
    if output.holds_run():
        raise InputError(f"{output.folder}: is the folder of a run, and MODEL is not this run; choose another `out`")
    about: dict[str, Any] = {"model": config.model, "network": network_fingerprint(model.network)}
    about["class_map"] = class_map
    if config.checkpoint == "best":
        about["checkpoint"] = "best"
    about |= {"robustbench": True} if config.robustbench else {}
    if chosen is None:
        return about
    about |= {"dataset": chosen.dataset, **form_of(chosen.dataset)}
    return {**about, "size": chosen.size, "test_subset": chosen.subset}


def _check_own_images(config: EvaluateConfig, model: Model, class_map: ClassMap | None) -> None:
    """A run's own folder takes measures of its own test images, once it has ended."""
    assert model.run is not None
    if not model.run.metrics.exists():
        raise InputError(f"MODEL {config.model}: this run has not ended; let it end, or measure it into another `out`")
    asked = (config.dataset, config.size, config.test_subset)
    own = (model.dataset, model.size, model.test_subset)
    if (
        class_map
        or config.robustbench
        or any(value not in (None, other) for value, other in zip(asked, own, strict=True))
    ):
        raise InputError(f"MODEL {config.model}: its folder is for measures of its own test images; give `out` FOLDER")


def _open_sets(
    config: EvaluateConfig, model: Model, test: LabelledImages | None, class_map: ClassMap | None
) -> dict[str, Any]:
    """The sets of the suites, opened, once the network has been tried on images of their size."""
    side = (model.size or config.size) if test is None else test.size
    if side is not None:
        try_network(model.network, side, None if model.classes is None else len(model.classes))
    return check_suites(
        config.suites,
        None if test is None else (len(test), test.size, test.size),
        sets=config.sets,
        size=None if side is None else (side, side),
        reading=Reading(
            classes=model.classes,
            class_map=class_map,
            resize=config.resize,
            partial=config.partial,
            robustbench=config.robustbench,
        ),
    )
