"""The JSON files of a run folder, read with a look at what they hold: anybody may have made them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mixset._common import ranges
from mixset._common.errors import InputError, reading
from mixset._common.old_keys import current, current_settings
from mixset._common.regular import read_regular
from pixmix._common.precisions import EVAL_PRECISIONS
from pixmix._evaluators.set_names import KNOWN

from .config import RECIPES

Kind = tuple[str, Callable[[Any], bool]]
"""What a value must be, in words, and whether it is."""


MOST_BYTES = 256 << 20
"""Of a file; a log of a million epochs has a third of it."""
MOST = 1e100
"""No measure is larger; what is computed from a larger number may be infinite."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finite(value: Any) -> bool:
    return _is_number(value) and abs(value) < MOST


def _number(value: Any) -> bool:
    return _finite(value) or (isinstance(value, float) and not math.isfinite(value))


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and all(map(_finite, value))


NUMBER: Kind = ("a number", _number)
"""NaN and the infinities are some: a loss can be one."""
WHOLE: Kind = ("a whole number from 0 on", _whole)
COUNTED: Kind = ("a whole number from 1 on", lambda value: _whole(value) and value > 0)
SIDE: Kind = (
    f"a side from 1 to {ranges.SIDE[1]:,} pixels",
    lambda value: _whole(value) and 1 <= value <= ranges.SIDE[1],
)
"""The data set's own images may be smaller than any that can be asked for."""
TEXT: Kind = ("text", lambda value: isinstance(value, str))
TEXTS: Kind = ("a list of texts", _texts)
OBJECT: Kind = ("an object", lambda value: isinstance(value, dict))
PAIR: Kind = ("two numbers", lambda value: _numbers(value) and len(value) == 2)
THREE: Kind = ("three numbers", lambda value: _numbers(value) and len(value) == 3)
STORED: Kind = (
    "the sides of a store's parts",
    lambda value: (
        isinstance(value, dict) and all(isinstance(p, dict) and _whole(p.get("side")) for p in value.values())
    ),
)


def _or_null(kind: Kind) -> Kind:
    return f"{kind[0]}, or null", lambda value: value is None or kind[1](value)


def _severities(value: Any) -> bool:
    # Keys of one to nine ASCII digits: int() takes others, too, and some of them for ever.
    keys = isinstance(value, dict) and all(key.isascii() and key.isdigit() and len(key) < 10 for key in value)
    return keys and bool(value) and all(map(_finite, value.values()))


def _reliability(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    parts: list[Any] = [value.get(name) for name in ("confidence", "accuracy", "count")]
    return all(map(_numbers, parts)) and len({*map(len, parts)}) == 1 and sum(parts[-1]) > 0


def _curve(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    parts: list[Any] = [value.get(name) for name in ("coverage", "risk")]
    return all(map(_numbers, parts)) and len({*map(len, parts)}) == 1 and bool(parts[0])


MEASURE: dict[str, Kind] = {
    "value": NUMBER,
    "interval": PAIR,
    **dict.fromkeys(("n", "n_ood", "seed", "images"), WHOLE),
    **dict.fromkeys(("auroc", "aupr", "fpr95", "fpr95_reference", "t5d"), OBJECT),
    **dict.fromkeys(("problems", "sets"), TEXTS),
    **dict.fromkeys(("source", "undefined"), TEXT),
}
"""What an entry of a suite holds, at any depth."""
SUITES: tuple[str, ...] = ("clean", "calibration", "adversaries", "autoattack", "anomalies")
SUITES += ("w", *(name for name in KNOWN if name not in ("ood", "openood")))
METRICS: dict[str, Kind] = {
    **dict.fromkeys(("dataset", "method", "model", "network"), TEXT),
    **dict.fromkeys(("epochs", "size", "test_subset"), _or_null(WHOLE)),
    "robustbench": ("true or false", lambda value: isinstance(value, bool)),
    "precision": (f"one of {', '.join(EVAL_PRECISIONS)}", lambda value: value in EVAL_PRECISIONS),
    "stored": STORED,
    **dict.fromkeys(SUITES, OBJECT),
}
CONFIG: dict[str, Kind] = {
    **dict.fromkeys(("dataset", "method", "network", "data_folder"), TEXT),
    "recipe": (f"one of {', '.join(RECIPES)}", lambda value: isinstance(value, str) and value in RECIPES),
    "seed": WHOLE,
    **dict.fromkeys(("mixing_set", "suite"), TEXTS),
    "size": _or_null(SIDE),
    "test_subset": _or_null(COUNTED),
}
RELIABILITY: Kind = ("bins of equal number", _reliability)
CURVE: Kind = ("points of a risk–coverage curve", _curve)
CURVES = {"reliability": RELIABILITY, "reliability_ts": RELIABILITY, "risk_coverage": CURVE}
"""What a suite has beside its measures."""
SEVERITIES: Kind = ("errors by severity", _severities)
LOG: dict[str, Kind] = {"epoch": WHOLE, "loss": NUMBER, "test_error": NUMBER}


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """The object in a JSON file.

    Args:
        remedy: what to do where it is damaged.

    Raises:
        InputError: the file is absent, cannot be read, is no JSON, or holds something else than an object.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file; is {path.parent} a run folder of a run that ended?")
    with reading(str(path), remedy):
        content = json.loads(read_regular(path, MOST_BYTES))
        check(content, OBJECT, "it")
        return content


def read_config(path: Path) -> dict[str, Any]:
    """What `config.json` says of a run: `config`, its settings, and where they are `versions`, `network` and more.

    Raises:
        InputError: as `read_json`, or something in it is not what a run writes.
    """
    remedy = "name the folder of a run of `pixmix train`"
    content = current(read_json(path, remedy))
    with reading(str(path), remedy):
        check(content.get("config"), OBJECT, "config")
        content["config"] = current_settings(content["config"])
        required: dict[str, Any] = dict.fromkeys(("dataset", "method", "recipe", "seed", "mixing_set"))
        _check_all(required | content["config"], CONFIG, "config.")
        check(content.get("classes", []), TEXTS, "classes")
        for name in ("versions", "network", "images"):
            check(content.get(name, {}), OBJECT, name)
        for name, version in content.get("versions", {}).items():
            check(version, TEXT, f"versions.{name}")
        images = {"size": SIDE, "mean": THREE, "std": THREE}
        _check_all(content.get("images", {}), images, "images.")
    return content


def read_metrics(path: Path) -> dict[str, Any]:
    """What `metrics.json` says was measured.

    Raises:
        InputError: as `read_json`, or something in it is not what a run or an evaluation writes.
    """
    remedy = "take it away, and measure again"
    content = read_json(path, remedy)
    with reading(str(path), remedy):
        check_metrics(content)
    return content


def check_metrics(content: dict[str, Any]) -> None:
    """ValueError where what was measured is not what a run or an evaluation writes; old names become today's."""
    _check_all(content, METRICS, "")
    for suite in SUITES:
        for name, entry in content.get(suite, {}).items():
            check(entry, OBJECT, f"{suite}.{name}")
            content[suite][name] = entry = current(entry)
            _check_measures(entry, f"{suite}.{name}.")
            if name in CURVES:
                check(entry, CURVES[name], f"{suite}.{name}")


def _check_measures(entry: Mapping[str, Any], where: str) -> None:
    _check_all(entry, MEASURE, where)
    for name, value in entry.items():
        if name == "severities" and "value" in entry:
            check(value, SEVERITIES, where + name)
        elif isinstance(value, dict):
            _check_measures(value, f"{where}{name}.")


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of `log.jsonl`, none where it is absent; a last line that a kill has cut short is none.

    Raises:
        InputError: the file cannot be read, or a line is not what a run writes.
    """
    if not path.exists():
        return []
    entries: list[dict[str, Any]] = []
    with reading(str(path), "take it away, and the page goes without learning curves"):
        *lines, _ = read_regular(path, MOST_BYTES).split(b"\n")
        for number, line in enumerate(lines, 1):
            entry = json.loads(line)
            check(entry, OBJECT, f"line {number}")
            _check_all(dict.fromkeys(LOG) | entry, LOG, f"line {number}: ")
            entries.append(entry)
    return entries


def _check_all(content: Mapping[str, Any], kinds: Mapping[str, Kind], where: str) -> None:
    for name, kind in kinds.items():
        if name in content:
            check(content[name], kind, where + name)


def check(value: Any, kind: Kind, where: str) -> None:
    """ValueError where a value is not of a kind; `where` names it."""
    words, fits = kind
    if not fits(value):
        raise ValueError(f"{where} is not {words}")
