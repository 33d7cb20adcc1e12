"""Bringing an image file to a smaller side, as a JPEG."""

from __future__ import annotations

import io

from PIL import Image

from .._common.cropping import scale_to_cover
from .._common.decoding import decode

DEFAULT_QUALITY = 90


def smaller(content: bytes, shape: tuple[int, int], side: int, quality: int) -> tuple[bytes, tuple[int, int]]:
    """An image file whose short side is `side`, and its (H, W); one that is no larger is kept as it is.

    Args:
        content: the file's bytes.
        shape: (H, W) of its image.
        side: in pixels.
        quality: of the JPEG, 1 to 100.

    Raises:
        InputError: the image cannot be decoded; the message is the reason alone.
    """
    if min(shape) <= side:
        return content, shape
    image = scale_to_cover(decode(content), (side, side))
    made = io.BytesIO()
    Image.fromarray(image).save(made, "JPEG", quality=quality)
    return made.getvalue(), (image.shape[0], image.shape[1])
