"""The crops and flips of the training recipes for uint8 batches, as functions of (seed, epoch, index)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mixset._common.errors import InputError
from mixset._common.kernels import kernel

from .._common import philox
from .._common.images import as_array, stack
from .._common.philox import Key, block, unit
from .resampling import resize_part

if TYPE_CHECKING:
    from torch import Tensor

_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)
_TRIES = 10
# The slots of a stream: 0 flip, 1 top, 2 left; then four for each attempt at a resized crop.
_SLOTS = 4 + 4 * _TRIES
_AREAS = 0.08, 1.0
"""The range of a resized crop's area, as a fraction of the image's."""
_RATIOS = 3 / 4, 4 / 3
"""The range of its aspect ratio, width by height, drawn uniformly in its logarithm."""


def crop_and_flip(
    images: Sequence[object] | np.ndarray,
    key: Key,
    indices: np.ndarray,
    *,
    padding: int = 4,
    flip: bool = True,
    stream: int = philox.CROP,
    result: np.ndarray | None = None,
) -> np.ndarray:
    """Flip each image horizontally with probability 0.5, pad it and crop it to its size: the paper's CIFAR recipe.

    Args:
        images: (N, H, W, 3) uint8, or a list of images of one size.
        key: seed and epoch.
        indices: (N,) indices of the images in their data set.
        padding: black pixels on each side; 0 for no crop.
        flip: whether to flip at all.
        stream: the random stream of `pixmix._common.philox`, of which the first three slots are used.
        result: where to write, (N, H, W, 3) uint8, contiguous; by default a new array.

    Returns:
        (N, H, W, 3) uint8: `result`.

    Raises:
        InputError: the padding is negative, or the number of indices differs from that of images.
    """
    images = stack(images)
    mirrored, tops, lefts = _draw_crops(len(images), key, indices, padding, flip, stream)
    result = np.empty(images.shape, np.uint8) if result is None else result
    source = np.ascontiguousarray(images).view()
    source.flags.writeable = False  # always read-only, so that the kernel is compiled for one type
    _crop_and_flip(source, mirrored, tops, lefts, result)
    return result


def crop_and_flip_tensor(
    images: Tensor,
    key: Key,
    indices: np.ndarray,
    *,
    padding: int = 4,
    flip: bool = True,
    stream: int = philox.CROP,
) -> Tensor:
    """`crop_and_flip` for an (N, H, W, 3) uint8 tensor on any device, byte for byte; does not wait for the device.

    Raises:
        InputError: as for `crop_and_flip`; or the tensor has another shape or dtype.
    """
    import torch  # not needed to crop arrays

    from .transfers import carry

    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[3] != 3:
        shape = tuple(images.shape)
        raise InputError(f"crop: an (N, H, W, 3) uint8 tensor is needed, got {images.dtype} of shape {shape}")
    count, height, width = images.shape[:3]
    mirrored, tops, lefts = _draw_crops(count, key, indices, padding, flip, stream)
    padded = torch.nn.functional.pad(images, (0, 0, padding, padding, padding, padding))
    # Flat indices into the pixels of all padded images: the start of each row, and the offset of each column.
    rows = np.arange(count) * (height + 2 * padding) + tops + padding
    first = np.where(mirrored, width - 1 - lefts, lefts) + padding
    sent = carry(
        images.device,
        rows=(rows[:, None] + np.arange(height)) * (width + 2 * padding) + first[:, None],
        columns=np.where(mirrored, -1, 1)[:, None] * np.arange(width),
    )
    index = sent["rows"][:, :, None] + sent["columns"][:, None]
    return padded.reshape(-1, 3).index_select(0, index.view(-1)).view(images.shape)


def _draw_crops(
    count: int, key: Key, indices: np.ndarray, padding: int, flip: bool, stream: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether each image is flipped, (N,) bool, and the row and column at which its crop starts, (N,) int64 each."""
    if padding < 0 or len(indices) != count:
        raise InputError(f"crop: padding {padding} and {len(indices)} indices for {count} images")
    indices = philox.check_indices(indices)
    mirrored, tops, lefts = np.empty(count, np.bool_), np.empty(count, np.int64), np.empty(count, np.int64)
    seed, epoch = np.uint64(key.seed), np.uint64(key.epoch)
    _fill_crops(seed, epoch, indices, padding, flip, np.uint64(stream), mirrored, tops, lefts)
    return mirrored, tops, lefts


@kernel
def _fill_crops(
    seed: np.uint64,
    epoch: np.uint64,
    indices: np.ndarray,
    padding: int,
    flip: bool,
    stream: np.uint64,
    mirrored: np.ndarray,
    tops: np.ndarray,
    lefts: np.ndarray,
) -> None:
    for n in range(len(indices)):
        mirrored[n], tops[n], lefts[n] = draw_crop(seed, epoch, indices[n], padding, flip, stream)


@kernel
def draw_crop(
    seed: np.uint64, epoch: np.uint64, index: int, padding: int, flip: bool, stream: np.uint64
) -> tuple[bool, int, int]:
    """Whether an image is flipped, and the row and column at which its crop starts, −padding to padding."""
    w = block(np.uint64(index), epoch, np.uint64(0), stream, seed & _LOW, seed >> _32)
    places = 2 * padding + 1
    return flip and unit(w[0]) < 0.5, int(unit(w[1]) * places) - padding, int(unit(w[2]) * places) - padding


@kernel
def _crop_and_flip(
    images: np.ndarray, mirrored: np.ndarray, tops: np.ndarray, lefts: np.ndarray, result: np.ndarray
) -> None:
    count, height, width = images.shape[:3]
    for n in range(count):
        for y in range(height):
            above = y + tops[n]
            for x in range(width):
                beside = x + lefts[n]
                if 0 <= above < height and 0 <= beside < width:
                    if mirrored[n]:
                        beside = width - 1 - beside
                    for channel in range(3):
                        result[n, y, x, channel] = images[n, above, beside, channel]
                else:
                    for channel in range(3):
                        result[n, y, x, channel] = 0


class ResizedCrops:
    """Where images are cropped by `random_resized_crop`, with flips or without any; `rows` needs no pixels."""

    def __init__(self, key: Key, indices: np.ndarray, *, flip: bool = True) -> None:
        self.flip = flip
        self._draws = philox.uniforms(key.seed, key.epoch, indices, philox.CROP, _SLOTS)

    def __len__(self) -> int:
        return len(self._draws)

    def box(self, place: int, height: int, width: int) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) of the crop of the image at a place among the indices, if it is of this size."""
        return _choose_box(width, height, self._draws[place, 4:].reshape(_TRIES, 4))

    def rows(self, place: int, height: int, width: int) -> int:
        """How many rows of that image the crop needs, from the top."""
        return self.box(place, height, width)[3]

    def mirrored(self, place: int) -> bool:
        """Whether the crop of the image at a place is flipped."""
        return self.flip and bool(self._draws[place, 0] < 0.5)

    def cut(self, images: Iterable[object], result: np.ndarray) -> np.ndarray:
        """Fill `result`, (N, H, W, 3) uint8 and contiguous, with the images' crops, and return it."""
        for n, image in enumerate(map(as_array, images)):
            resize_part(image, self.box(n, *image.shape[:2]), result[n], mirrored=self.mirrored(n))
        return result


def random_resized_crop(
    images: Iterable[object],
    key: Key,
    indices: np.ndarray,
    *,
    size: int | tuple[int, int],
) -> np.ndarray:
    """Crop each image to a random area and aspect ratio, resize the crop (bilinear) and flip it with probability 0.5.

    The distribution is that of torchvision's `RandomResizedCrop` and `RandomHorizontalFlip`, the paper's recipe for
    ImageNet.

    Args:
        images: N images of any sizes: PIL images, tensors or (H, W, 3) uint8 arrays. They are read one at a time, so an
            iterator can decode them.
        key: seed and epoch.
        indices: (N,) indices of the images in their data set.
        size: S or (H, W) of the result in pixels.

    Returns:
        (N, H, W, 3) uint8.
    """
    height, width = (size, size) if isinstance(size, int) else size
    crops = ResizedCrops(key, indices)
    return crops.cut(images, np.empty((len(crops), height, width, 3), np.uint8))


def _choose_box(width: int, height: int, tries: np.ndarray) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the first attempt that is within the image, else of a central crop."""
    low, high = math.log(_RATIOS[0]), math.log(_RATIOS[1])
    for u in tries:
        area = width * height * (_AREAS[0] + (_AREAS[1] - _AREAS[0]) * u[0])
        shape = math.exp(low + (high - low) * u[1])
        w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if 0 < w <= width and 0 < h <= height:
            top, left = int(u[2] * (height - h + 1)), int(u[3] * (width - w + 1))
            return left, top, left + w, top + h
    w = min(width, round(height * _RATIOS[1]))
    h = min(height, round(width / _RATIOS[0]))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h
