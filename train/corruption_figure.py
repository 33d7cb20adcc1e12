"""The figure of a suite's corruptions at all severities, or of some frames of its sequences."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mixset.pictures import scale_and_crop
from mixset.sheet import sheet
from pixmix.corruptions.base import SMALL, Corruption
from pixmix.corruptions.p_base import Perturbation
from pixmix.corruptions.sources import Source
from pixmix.corruptions.suites import members

from .corrupt import CorruptConfig
from .pictures import read

TILE = 160
FRAMES = 7
TITLES = {"c": "C", "cbar": "C-bar", "p": "P"}


def show(config: CorruptConfig) -> Path:
    """Draw the figure that `config` asks for and return its path."""
    source = _source(Path(config.dataset), config.size or 224)
    kinds = members(config.suite, source.size, names=config.corruptions, extra=config.extra, frost_folder=config.frost)
    tiles: list[np.ndarray] = []
    captions: list[str] = []
    for kind in kinds:
        row = _frames(kind, source, config) if isinstance(kind, Perturbation) else _severities(kind, source, config)
        captions += [kind.name.replace("_", " "), *list(row)[1:]]
        tiles += row.values()
    title = f"{source.name}: the corruptions of {TITLES[config.suite]} at {source.size} px"
    config.out.parent.mkdir(parents=True, exist_ok=True)
    sheet(tiles, captions, title=title, columns=len(tiles) // len(kinds), tile=TILE).save(config.out)
    return config.out


def _source(file: Path, size: int) -> Source:
    label = np.zeros(1, np.int64)
    if size > SMALL:
        return Source(name=file.name, size=size, labels=label, files=(file,), names=(file.stem,))
    return Source(name=file.name, size=size, labels=label, array=scale_and_crop(read(file), (size, size))[None])


def _severities(kind: Corruption, source: Source, config: CorruptConfig) -> dict[str, np.ndarray]:
    picture = source.cropped(0)
    made = {f"severity {n}": kind(picture, severity=n, seed=config.seed, index=0) for n in config.severities}
    return {"clean": picture, **made}


def _frames(kind: Perturbation, source: Source, config: CorruptConfig) -> dict[str, np.ndarray]:
    frames = kind(source.uncropped(0), size=source.size, seed=config.seed, index=0)
    places = np.linspace(0, len(frames) - 1, FRAMES).round().astype(int)
    return {f"frame {place}": frames[place] for place in places}
