"""Opening whatever a user passes as a mixing set as a pool of mixing images at training size."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeAlias

from mixset._common.arguments import check_list
from mixset._common.errors import InputError
from mixset._store.mixing_set import MixingSet
from mixset._store.pool import MixingPool, check_size

from .draws import PoolLike
from .settings import PixMixSettings

MixingSource: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | MixingSet | PoolLike | None"
"""A folder, several folders, an opened mixing set or a pool; None if no mixing images are needed."""


class LazyPool:
    """A mixing set whose pool is made once the size of the images is known; it can be pickled before and after.

    Args:
        source: the mixing set.
        weights: how often each of several folders is drawn, relative to the others; default: its number of images.
        size: S or (H, W) of the training images in pixels; default: that of the first image.
        settings: the settings, whose `partner` tells whether a mixing set is needed.

    Raises:
        InputError: a folder is missing or has no images, `weights` does not match, or a needed set is missing.
    """

    def __init__(
        self,
        source: MixingSource,
        *,
        weights: Sequence[float] | None = None,
        size: int | tuple[int, int] | None = None,
        settings: PixMixSettings,
    ) -> None:
        self._set: MixingSet | None = None
        self._pool: PoolLike | None = None
        self._needed = settings.partner != "input"
        sides = None if size is None else check_size(size)
        if not self._needed:
            return
        if source is None:
            raise InputError(f"mixing set: partner {settings.partner!r} needs one; give a folder of images")
        opened = _open(source, weights)
        if isinstance(opened, MixingSet):
            self._set = opened
        else:
            self._pool = opened
        if sides is not None:
            self.get(sides)

    def get(self, size: tuple[int, int]) -> PoolLike | None:
        """The pool for images of `size` (H, W), made on the first call; None if no mixing set is needed.

        Raises:
            InputError: the pool was made for another size.
        """
        if not self._needed:
            return None
        if self._pool is None:
            assert self._set is not None
            self._pool = MixingPool(self._set, size)
        if tuple(self._pool.size) != tuple(size):
            h, w = self._pool.size
            raise InputError(f"image: {h}×{w} pixels are needed, got {size[0]}×{size[1]}; crop or resize before PixMix")
        return self._pool

    def __repr__(self) -> str:
        return repr(self._pool if self._pool is not None else self._set)


def _open(source: MixingSource, weights: Sequence[float] | None) -> MixingSet | PoolLike:
    if isinstance(source, MixingSet) or hasattr(source, "images"):
        if weights is not None:
            raise InputError("weights: they belong to a list of folders; an opened mixing set has its own")
        return source  # type: ignore[return-value]
    paths = [source] if isinstance(source, str | os.PathLike) else check_list("mixing set", source, "folders")
    if "fractals" in paths and not os.path.exists("fractals"):
        raise InputError(
            "mixing set 'fractals': no such folder; mixset.generate.default_set(size) makes the default set"
        )
    return MixingSet(*paths, weights=weights)
