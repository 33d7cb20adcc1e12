"""corruptions.json: what a folder of corrupted pictures holds, and all that its pictures are a function of."""

from __future__ import annotations

import contextlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mixset.errors import InputError
from mixset.manifest import read_json, write_json
from mixset.partials import remove_abandoned

NAME = "corruptions.json"
FORMAT, FORMAT_VERSION = "pixmix corruptions", 1


def begin(out: Path, recipe: dict[str, Any]) -> None:
    """See that `out` may take corruptions of `recipe`, and say so in it; what dead writers left is removed.

    Args:
        out: the folder; made when missing.
        recipe: suite, data set, size, seed and severities, as JSON values.

    Raises:
        InputError: `out` is a file, cannot be written, or holds something else.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: give a folder for the corrupted pictures")
    try:
        out.mkdir(parents=True, exist_ok=True)
        remove_abandoned(out)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror}; choose another folder") from error
    there = read(out)
    if there is None:
        others = sorted(
            path.name for path in out.iterdir() if not path.name.startswith(".") and path.suffix != ".partial"
        )
        if others:
            raise InputError(f"{out} is not empty and holds no corruptions ({others[0]}); choose another folder")
        write_json(out / NAME, {"format": FORMAT, "format_version": FORMAT_VERSION, "recipe": recipe, "made": {}})
    elif there["recipe"] != recipe:
        held = there["recipe"]
        names = sorted(name for name in {*held, *recipe} if held.get(name) != recipe.get(name))
        differences = ", ".join(f"{name} {held.get(name)!r} there, {recipe.get(name)!r} asked" for name in names)
        raise InputError(f"{out} holds other corruptions ({differences}); choose another folder")


def record(out: Path, corruption: str, parameters: Any) -> None:
    """Add a corruption that is finished, with its parameters and the versions of what made it, if it is not there."""
    values = read(out)
    assert values is not None
    if corruption in values["made"]:
        return
    values["made"][corruption] = {"parameters": parameters, "versions": _versions()}
    write_json(out / NAME, values)


def read(out: Path) -> dict[str, Any] | None:
    """What corruptions.json in a folder says: `recipe`, and `made` by corruption; None where there is none.

    Raises:
        InputError: it is damaged, or of a later format.
    """
    values = read_json(out / NAME)
    if values is None:
        return None
    if values.get("format") != FORMAT or not all(isinstance(values.get(key), dict) for key in ("recipe", "made")):
        raise InputError(f"{out / NAME} is damaged; delete the folder {out} and run its command again")
    if values.get("format_version", 0) > FORMAT_VERSION:
        raise InputError(f"{out / NAME} is of format version {values['format_version']}: update pixmix")
    return values


def _versions() -> dict[str, str]:
    found = {}
    for package in ("pixmix", "numpy", "scipy", "numba", "pillow"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
