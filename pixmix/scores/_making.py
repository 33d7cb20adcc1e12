"""From a score's name to the score, and the choice of its settings."""

from __future__ import annotations

import importlib
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixset._common import named
from mixset._common.errors import InputError, perhaps

from ..measures._anomalies import auroc
from ._outputs import Outputs
from ._table import SCORES, Material, Score, ScoreRow


def find_score(name: str) -> ScoreRow:
    """The row of a score: of `SCORES`, or of the code that `module:function` or `FILE.py:function` leads to.

    Args:
        name: as on the command line.

    Raises:
        InputError: an unknown name (lists the known ones), or no such code.

    Example:
        >>> from pixmix import scores
        >>> scores.find_score("knn").needs
        ('features', 'training')
    """
    if name in SCORES:
        return SCORES[name]
    if not named.names_code(name):
        raise InputError(
            f"score {name}: unknown{perhaps(name, SCORES)}; the scores are {', '.join(SCORES)}, {named.FORMS}"
        )
    maker = named.find("score", name)
    if not callable(maker):
        raise InputError(f"score {name}: leads to a {type(maker).__name__}; name a function")
    registered = (row for row in SCORES.values() if row.maker is maker)
    return next(registered, ScoreRow(summary=named.first_line(maker), source=name, maker=maker))


def make_score(name: str, material: Material | None = None, **settings: float | str) -> Score:
    """Prepare the score called `name`.

    Args:
        name: of `SCORES`, `module:function` or `FILE.py:function`.
        material: what it is prepared from; its row says which parts it needs.
        settings: of the score; those left out have the row's defaults.

    Returns:
        A function of `Outputs` that gives (N,) float64, higher for anomalous images.

    Raises:
        InputError: an unknown name or setting, a part that is missing, or arrays that the score cannot use.

    Example:
        >>> import numpy as np
        >>> from pixmix import scores
        >>> gen = scores.make_score("gen", gamma=0.5)
        >>> gen(scores.Outputs(logits=np.zeros((1, 2))))
        array([1.])
    """
    row, given = find_score(name), material or Material()
    for need in row.needs:
        if need not in ("features", "turned", "moved") and getattr(given, need) is None:
            words = {"head": "the last layer's weight and bias", "training": "outputs of the training images"}
            raise InputError(f"score {name} needs {words.get(need, 'outputs of validation images')}: {need}")
    if isinstance(row.maker, str):
        if unknown := [setting for setting in settings if setting not in row.settings]:
            known = ", ".join(row.settings) or "none"
            raise InputError(f"score {name} has no setting {unknown[0]!r}; its settings: {known}")
        module, _, function = row.maker.partition(":")
        return getattr(importlib.import_module(f".{module}", __package__), function)(
            given, **{**row.settings, **settings}
        )
    made = named.call("score", name, row.maker, given, **{**row.settings, **settings})
    if not callable(made):
        raise InputError(f"score {name}: makes a {type(made).__name__}, not a function of outputs")
    return lambda outputs: _checked(name, named.call("score", name, made, outputs), len(outputs.logits))


def _checked(name: str, values: Any, count: int) -> np.ndarray:
    """What a user's score gives, as (N,) float64."""
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"score {name}: gives a {type(values).__name__}, not numbers") from None
    if array.shape != (count,) or not np.isfinite(array).all():
        raise InputError(f"score {name}: must give {count:,} finite numbers, one for each image; got {array.shape}")
    return array


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The settings chosen for a score, and what every combination achieved."""

    settings: dict[str, float | str]
    """Those of the largest AUROC."""
    trials: list[tuple[dict[str, float | str], float | None]]
    """Each combination with its AUROC on validation images; None where it is impossible, such as k > N."""


def choose_settings(name: str, material: Material, validation: Outputs, outliers: Outputs) -> Choice:
    """Try every combination of the values in a score's sweep on validation images, as OpenOOD does.

    The first of the combinations with the largest AUROC is chosen; the setting named first varies fastest.

    Args:
        name: of the score.
        material: what it is prepared from.
        validation: outputs of in-distribution images that are not measured.
        outliers: outputs of outliers that are not measured.

    Returns:
        The choice; a score without a sweep has a single trial.

    Raises:
        InputError: as `make_score` does, or no combination is possible.

    Example:
        >>> import numpy as np
        >>> from pixmix import scores
        >>> known, unknown = (scores.Outputs(logits=np.array([[sure, 0.0]])) for sure in (9.0, 1.0))
        >>> scores.choose_settings("gen", scores.Material(), known, unknown).settings
        {'gamma': 0.01, 'largest': 10}
    """
    row = find_score(name)
    trials: list[tuple[dict[str, float | str], float | None]] = []
    best, problem = -1.0, ""
    chosen: dict[str, float | str] | None = None
    # The last factor of a product varies fastest.
    for values in itertools.product(*reversed([*row.sweep.values()])):
        settings = dict(zip(row.sweep, reversed(values), strict=True))
        try:
            score = make_score(name, material, **settings)
            value = auroc(score(validation), score(outliers))
        except InputError as error:
            trials.append((settings, None))
            problem = str(error)
            continue
        trials.append((settings, value))
        if value > best:
            best, chosen = value, settings
    if chosen is None:
        raise InputError(f"score {name}: none of its settings is possible; the last: {problem}")
    return Choice(settings=chosen, trials=trials)
