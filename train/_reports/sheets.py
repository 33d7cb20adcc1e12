"""The mixing sets, and images before and after each method, as the runs drew them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from PIL import Image

from mixset._common.errors import reading
from mixset._common.regular import read_regular

from .page import Section, image
from .runs import Run

MOST_BYTES = 256 << 20
"""Of a sheet's file."""
WIDEST = 1280
"""Pixels; a sheet is not shown any wider."""


def sheets(runs: Sequence[Run]) -> Section:
    """All the sheets there are; equal mixing sets once."""
    shown = "".join([*_mixing_sets(runs), *_methods(runs)])
    return Section("images", "Images", f'<div class="sheets">\n{shown}</div>\n' if shown else "")


def _mixing_sets(runs: Sequence[Run]) -> Iterable[str]:
    sheets: dict[bytes, list[Run]] = {}
    for run in runs:
        file = run.folder.path / "mixing_set.png"
        if file.exists():
            with reading(str(file), "delete it, and the page goes without"):
                sheets.setdefault(read_regular(file, MOST_BYTES), []).append(run)
    for some in sheets.values():
        names = ", ".join(run.name for run in some)
        caption = f"<b>Mixing set</b> of {escape(names)}, a sample."
        yield _sheet(some[0].folder.path / "mixing_set.png", caption, f"Mixing set of {names}")


def _methods(runs: Sequence[Run]) -> Iterable[str]:
    for run in runs:
        file = run.folder.path / "images.png"
        if file.exists():
            iterative = run.config is not None and "iterative" in run.config["method"].split("+")
            before = ", before the first feature visualisations" if iterative else ""
            words = f"training images in the first row, and below what the network sees in three epochs{before}"
            yield _sheet(file, f"<b>{escape(run.name)}</b>: {words}.", f"{run.name}: {words}")
        sheets = run.folder.sheets()
        for index in sorted({0, len(sheets) // 2, len(sheets) - 1}) if sheets else ():
            epoch = int(sheets[index].stem.partition("-")[2])
            words = f"the feature visualisations that it mixes in after epoch {epoch}"
            yield _sheet(sheets[index], f"<b>{escape(run.name)}</b>: {words}.", f"{run.name}: {words}")


def _sheet(file: Path, caption: str, words: str) -> str:
    """A sheet as WebP, a fifth of its PNG: ten runs are to fit on a page of a few megabytes."""
    with (
        reading(str(file), "delete it, and the page goes without"),
        Image.open(io.BytesIO(read_regular(file, MOST_BYTES))) as opened,
    ):
        page = opened.convert("RGB")
    page.thumbnail((WIDEST, 10 * WIDEST))
    out = io.BytesIO()
    page.save(out, "WebP", quality=82, method=4)
    return image("image/webp", out.getvalue(), page.size, caption, words)
