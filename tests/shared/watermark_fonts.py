"""A stand-in for the package imagenet-w, whose font no test needs."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import ImageFont

FONT = "SourceHanSerifSC-ExtraLight.otf"


def font_package(site: Path) -> Path:
    """imagenet_w's folder below `site`: with Pillow's own font by the name of its own, and not to be imported."""
    folder = site / "imagenet_w"
    (folder / "fonts").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('torchvision')")
    stream = ImageFont.load_default(20).path
    assert isinstance(stream, io.BytesIO)
    (folder / "fonts" / FONT).write_bytes(stream.getvalue())
    return folder
