"""The mixing sets, and images before and after each method, as the runs drew them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from mixset._common.errors import reading
from mixset._common.regular import read_regular

from .page import Section
from .runs import Run

MOST_BYTES = 256 << 20
"""Largest file that is read as a sheet."""
WIDEST = 1280
"""Pixels; a wider sheet is scaled down."""


def sheets(runs: Sequence[Run]) -> Section:
    """All the sheets there are; a mixing set that several runs share is shown once."""
    images = [*_mixing_sets(runs), *_methods(runs)]
    return Section("images", "Images", "sheets.html", {"images": images}) if images else Section("images", "Images")


def _mixing_sets(runs: Sequence[Run]) -> Iterable[dict[str, Any]]:
    sharing: dict[bytes, list[Run]] = {}
    for run in runs:
        file = run.folder.path / "mixing_set.png"
        if file.exists():
            with reading(str(file), "delete it, and the page goes without"):
                sharing.setdefault(read_regular(file, MOST_BYTES), []).append(run)
    for some in sharing.values():
        file = some[0].folder.path / "mixing_set.png"
        yield _sheet(file, [run.name for run in some], "a sample of the mixing set")


def _methods(runs: Sequence[Run]) -> Iterable[dict[str, Any]]:
    for run in runs:
        file = run.folder.path / "images.png"
        if file.exists():
            iterative = run.config is not None and "iterative" in run.config["method"].split("+")
            before = ", before the first feature visualisations" if iterative else ""
            text = f"training images in the first row; below it what the network sees of them in three epochs{before}"
            yield _sheet(file, [run.name], text)
        visualised = run.folder.sheets()
        for index in sorted({0, len(visualised) // 2, len(visualised) - 1}) if visualised else ():
            epoch = int(visualised[index].stem.partition("-")[2])
            yield _sheet(visualised[index], [run.name], f"the feature visualisations mixed in after epoch {epoch}")


def _sheet(file: Path, names: Sequence[str], text: str) -> dict[str, Any]:
    """A sheet as WebP, a fifth the size of its PNG: ten runs should fit on a page of a few megabytes."""
    with (
        reading(str(file), "delete it, and the page goes without"),
        Image.open(io.BytesIO(read_regular(file, MOST_BYTES))) as opened,
    ):
        page = opened.convert("RGB")
    page.thumbnail((WIDEST, 10 * WIDEST))
    out = io.BytesIO()
    page.save(out, "WebP", quality=82, method=4)
    data = base64.b64encode(out.getvalue()).decode()
    return {"names": names, "words": text, "width": page.width, "height": page.height, "data": data}
