"""What `mixset import` takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

Compression = Literal["none", "gzip"]


@dataclass(frozen=True, kw_only=True)
class ImportCommand:
    """Turn images from elsewhere into a mixing set; what cannot be read is named and left out.

    With --labels a folder of class folders, or its train/ and test/ (or val/), becomes a training set: the files' own
    bytes in few large files, for `pixmix train store:OUT`. Interrupted, the same command resumes.

    Examples:
        mixset import fractals_and_fvis.tar OUT
        mixset import 300K_random_images.npy OUT
        mixset import my-images/ OUT --size 128
        mixset import imagenet/ OUT --labels
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")]
    """An image folder in any nesting, a tar archive, or a .npy array of shape (N, H, W, 3) uint8; with --labels a
    folder with a folder for each class."""

    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """Where the result goes: the folder of the set, made when missing."""

    size: int | None = None
    """Side of the images in pixels: the short side is scaled to it and the centre cropped. By default the images' own
    size if all have the same, else 256."""

    workers: int | None = None
    """Workers that decode, threads; by default one for each core."""

    compression: Compression = "none"
    """Compression of the shards."""

    labels: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Make a training set: keep the files as they are, with the label that each one's class folder gives."""

    side: int | None = None
    """Bring larger short sides to so many pixels, with --labels. The images are other ones then, which each run on them
    says; by default files are kept as they are, and training on them is the same."""

    jpeg: int | None = None
    """Quality of the JPEGs that are made with --side, 1 to 100; by default 90."""
