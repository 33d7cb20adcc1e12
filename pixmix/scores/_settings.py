"""Which scores an evaluation measures, their settings, and where their features come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

from mixset._common.arguments import check_list
from mixset._common.errors import InputError, perhaps

from ._making import find_score
from ._outputs import Head
from ._ranges import check_setting
from ._table import Need

FeatureFormat = Literal["float32", "float16"]
FEATURE_FORMATS: tuple[FeatureFormat, ...] = get_args(FeatureFormat)
PAPER = ("msp", "max_logit", "energy")
"""The scores that are measured where none are named; the paper's numbers are those of the first."""


@dataclass(frozen=True, kw_only=True)
class ScoreSettings:
    """The anomaly scores of an evaluation; the paper's own, MSP, is always among them.

    Raises:
        InputError: a score that there is not, or a setting that it has not, or a value that none can have.

    Example:
        >>> from pixmix import scores
        >>> scores.ScoreSettings(names=("knn",), settings={"knn": {"k": 10}}).needs
        ('features', 'training')
    """

    names: Sequence[str] = PAPER
    """Of `SCORES`, `module:function` or `FILE.py:function`."""
    settings: Mapping[str, Mapping[str, float | str]] = field(default_factory=dict)
    """Score → values of its settings; those left out have its defaults. They are not tuned then."""
    layer: str | None = None
    """The layer whose input are the features; None: the last linear one, whose output are the logits."""
    rotations: Head | None = None
    """The rotation head of a network that was trained by RotPred, (4, D) and (4,), for its score."""
    features: FeatureFormat = "float32"
    """Number format in which features are kept and used."""

    def __post_init__(self) -> None:
        names = ("msp", *check_list("score", self.names, "scores' names"))
        object.__setattr__(self, "names", tuple(dict.fromkeys(names)))
        if self.features not in FEATURE_FORMATS:
            raise InputError(f"features: no format named {self.features!r}; known: {', '.join(FEATURE_FORMATS)}")
        rows = {name: find_score(name) for name in self.names}
        for name, settings in self.settings.items():
            if name not in rows:
                raise InputError(f"score_settings {name}: this score is not measured; add it to `score`")
            if not isinstance(rows[name].maker, str):  # what somebody else's takes is not known
                continue
            for setting, value in settings.items():
                known = rows[name].settings
                if setting not in known:
                    there = ", ".join(known) or "none"
                    raise InputError(
                        f"score_settings {name}.{setting}: no such setting{perhaps(setting, known)}; it has: {there}"
                    )
                check_setting(setting, value, f"score_settings {name}.{setting}")
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    @property
    def needs(self) -> tuple[Need, ...]:
        """What these scores cannot do without, beside logits."""
        return tuple(dict.fromkeys(need for name in self.names for need in find_score(name).needs))


def read_settings(words: Sequence[str]) -> dict[str, dict[str, float | str]]:
    """Settings of scores written as `SCORE.SETTING=VALUE`, such as `knn.k=100`.

    Raises:
        InputError: words of another form.
    """
    found: dict[str, dict[str, float | str]] = {}
    for word in words:
        left, given, value = word.partition("=")
        name, _, setting = left.rpartition(".")
        if not name or not setting or not given or not value:
            raise InputError(f"score_settings {word}: is not of the form SCORE.SETTING=VALUE, such as knn.k=100")
        if setting in found.setdefault(name, {}):
            raise InputError(f"score_settings {word}: {name}.{setting} is given twice")
        found[name][setting] = _number(value)
    return found


def _number(text: str) -> float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
