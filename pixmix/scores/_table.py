"""What is known of each score: what it needs, its settings and the values that are tried for them; open to others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import numpy as np

from mixset._common.errors import InputError
from mixset._common.named import check_name, first_line, same_code

from ._outputs import Head, Outputs

Need = Literal["features", "validation", "training", "head", "turned", "moved"]
Score = Callable[[Outputs], np.ndarray]
"""A prepared score: from a network's outputs for N images to (N,) float64, higher for anomalous ones."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """What scores are prepared from; a score's row says which parts it needs."""

    validation: Outputs | None = None
    """Of in-distribution images that are neither trained nor measured on."""
    training: Outputs | None = None
    """Of the training images without augmentation, with their labels."""
    head: Head | None = None
    """The network's last layer."""
    seed: int = 0
    """Of what a score draws."""


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """What is known of a score."""

    summary: str
    """What it is, in a few words."""
    source: str
    """Who proposed it."""
    maker: str | Callable[..., Score]
    """`module:function` in this package, or a function; called with `Material` and the settings, it makes a `Score`."""
    needs: tuple[Need, ...] = ()
    """What it cannot do without, beside logits: features of the measured images, and parts of `Material`."""
    settings: Mapping[str, float | str] = field(default_factory=dict)
    """Each setting's default."""
    sweep: Mapping[str, Sequence[float | str]] = field(default_factory=dict)
    """The values of each setting that `choose_settings` tries, OpenOOD's; the first named varies fastest."""


_HEAD: tuple[Need, ...] = ("features", "head")
_TRAINING: tuple[Need, ...] = ("features", "training")
_PERCENTILES = tuple(range(65, 100, 5))

SCORES = {
    "msp": ScoreRow(summary="the largest probability", source="Hendrycks & Gimpel 2017", maker="_makers:of_msp"),
    "max_logit": ScoreRow(summary="the largest logit", source="Hendrycks et al. 2022", maker="_makers:of_max_logit"),
    "energy": ScoreRow(summary="the free energy", source="Liu et al. 2020", maker="_makers:of_energy"),
    "temperature": ScoreRow(
        summary="the largest probability after temperature scaling",
        source="Guo et al. 2017",
        maker="_makers:temperature",
        needs=("validation",),
    ),
    "gen": ScoreRow(
        summary="generalised entropy of the largest probabilities",
        source="Liu et al. 2023",
        maker="_makers:gen",
        settings={"gamma": 0.1, "largest": 100},
        sweep={"gamma": (0.01, 0.1, 0.5, 1, 2, 5, 10), "largest": (10, 50, 100, 200, 500, 1000)},
    ),
    "klm": ScoreRow(
        summary="divergence from the nearest class's mean softmax",
        source="Hendrycks et al. 2022",
        maker="_makers:klm",
        needs=("validation",),
    ),
    "knn": ScoreRow(
        summary="distance to the k-th nearest training image",
        source="Sun et al. 2022",
        maker="_makers:knn",
        needs=_TRAINING,
        settings={"k": 50},
        sweep={"k": (50, 100, 200, 500, 1000)},
    ),
    "rmds": ScoreRow(
        summary="Mahalanobis distance to the nearest class, less that to all",
        source="Ren et al. 2021",
        maker="_makers:rmds",
        needs=_TRAINING,
    ),
    "ash_b": ScoreRow(
        summary="energy with few activations kept, made equal",
        source="Djurisic et al. 2023",
        maker="_makers:ash_b",
        needs=_HEAD,
        settings={"percentile": 90},
        sweep={"percentile": _PERCENTILES},
    ),
    "ash_s": ScoreRow(
        summary="energy with few activations kept, scaled up",
        source="Djurisic et al. 2023",
        maker="_makers:ash_s",
        needs=_HEAD,
        settings={"percentile": 90},
        sweep={"percentile": _PERCENTILES},
    ),
    "scale": ScoreRow(
        summary="energy with all activations scaled up",
        source="Xu et al. 2024",
        maker="_makers:scale",
        needs=_HEAD,
        settings={"percentile": 85},
        sweep={"percentile": _PERCENTILES},
    ),
    "react": ScoreRow(
        summary="energy with large activations cut",
        source="Sun et al. 2021",
        maker="_makers:react",
        needs=(*_HEAD, "validation"),
        settings={"percentile": 90},
        sweep={"percentile": (85, 90, 95, 99)},
    ),
    "fdbd": ScoreRow(
        summary="distance to the decision boundaries",
        source="Liu & Qin 2024",
        maker="_makers:fdbd",
        needs=(*_HEAD, "training"),
        settings={"divisor": "distance"},
        sweep={"divisor": ("distance", "length")},
    ),
    "nci": ScoreRow(
        summary="alignment of feature and class weight",
        source="Liu & Qin 2025",
        maker="_makers:nci",
        needs=(*_HEAD, "training"),
        settings={"alpha": 0.001},
        sweep={"alpha": (1e-4, 1e-3, 0.01, 0.1)},
    ),
    "vim": ScoreRow(
        summary="energy beside a logit made of the features' residual",
        source="Wang et al. 2022",
        maker="_makers:vim",
        needs=(*_HEAD, "training"),
        settings={"dimension": 256},
        sweep={"dimension": (256, 1000)},
    ),
    "she": ScoreRow(
        summary="inner product with the answer's mean feature",
        source="Zhang et al. 2023",
        maker="_makers:she",
        needs=_TRAINING,
    ),
    "mds": ScoreRow(
        summary="Mahalanobis distance to the nearest class",
        source="Lee et al. 2018",
        maker="_makers:mds",
        needs=_TRAINING,
    ),
    "nnguide": ScoreRow(
        summary="energy times likeness to training images",
        source="Park et al. 2023",
        maker="_makers:nnguide",
        needs=_TRAINING,
        settings={"k": 100, "share": 0.01},
    ),
    "rotpred": ScoreRow(
        summary="how badly turns are told, less how sure the answer is",
        source="Hendrycks et al. 2019",
        maker="_makers:of_rotpred",
        needs=("turned",),
    ),
    "odin": ScoreRow(
        summary="scaled largest probability after a step that makes the answer surer",
        source="Liang et al. 2018",
        maker="_makers:of_odin",
        needs=("moved",),
        settings={"temperature": 1000, "epsilon": 0.0014},
        sweep={"temperature": (1, 10, 100, 1000), "epsilon": (0.0014, 0.0028)},
    ),
}
"""Every score by its name; `register_score` adds one of your own."""

M = TypeVar("M", bound="Callable[..., Score]")


def register_score(
    name: str,
    *,
    summary: str = "",
    source: str = "",
    needs: Sequence[Need] = (),
    settings: Mapping[str, float | str] | None = None,
    sweep: Mapping[str, Sequence[float | str]] | None = None,
) -> Callable[[M], M]:
    """Decorator that makes a function (`Material`, settings) → `Score` a score called `name`.

    Args:
        name: letters, digits, `.`, `_` and `-`.
        summary: what it is, in a few words; default: the first line of the docstring.
        source, needs, settings, sweep: as `ScoreRow` has them.

    Raises:
        InputError: the name has other characters, or is another score's.

    Example:
        >>> from pixmix import scores
        >>> @scores.register_score("margin", summary="the gap of the two largest logits")
        ... def margin(material):
        ...     return lambda outputs: -np.ptp(np.sort(outputs.logits, axis=1)[:, -2:], axis=1)
        >>> scores.SCORES.pop("margin").summary
        'the gap of the two largest logits'
    """

    check_name("score", name)

    def register(maker: M) -> M:
        known = SCORES.get(name)
        if known is not None and not same_code(known.maker, maker):
            raise InputError(f"score {name}: there is one of this name; take another")
        SCORES[name] = ScoreRow(
            summary=summary or first_line(maker),
            source=source,
            maker=maker,
            needs=tuple(needs),
            settings=settings or {},
            sweep=sweep or {},
        )
        return maker

    return register
