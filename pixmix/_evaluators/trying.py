"""What scores need of network and images, tried before anything goes through the network."""

from __future__ import annotations

from ..readers import OpenOODSet
from ..scores import ScoreSettings, find_score
from ..scores._ranges import check_dimension, check_neighbours, kept_features
from .evaluation import Evaluation
from .scoring import named


def try_scores(evaluation: Evaluation) -> None:
    """Find the layer whose input are the features, and see that the settings of the scores fit features and images.

    Raises:
        InputError: there is no such layer, its weight and bias are needed and it has none, or a setting is too large
            for the training images or for the features.
    """
    settings = evaluation.scores
    if settings is None or not {"features", "head", "turned"} & {*settings.needs}:
        return
    width = evaluation.last_layer.width
    if "head" in settings.needs:
        evaluation.head()
    if evaluation.training is not None:
        check_fit(settings, len(evaluation.training), width, tuned=evaluation.tuning is not None)
    reader = evaluation.sets.get("openood")
    if isinstance(reader, OpenOODSet):
        training = len(reader.training()) if "training" in settings.needs else None
        check_fit(settings, training, width, tuned="validation_outliers" in reader.images)


def check_fit(settings: ScoreSettings, training: int | None, width: int | None, *, tuned: bool) -> None:
    """InputError where a setting is too large for so many training images or features; names the score.

    Args:
        settings: of the scores.
        training: how many training images there are; None where they are not known.
        width: how many features an image has; None where there are none.
        tuned: whether there are outliers to tune on. Settings that are not given are then chosen, from those that fit.
    """
    for name in settings.names:
        row, given = find_score(name), settings.settings.get(name, {})
        if not isinstance(row.maker, str) or (tuned and row.sweep and not given):
            continue
        values = {**row.settings, **given}
        with named(name):
            if "k" in values and training is not None:
                check_neighbours(values["k"], training)
            if "dimension" in values and width is not None:
                check_dimension(values["dimension"], width)
            if "percentile" in values and "validation" not in row.needs and width is not None:
                kept_features(values["percentile"], width)
