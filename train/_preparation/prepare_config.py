"""`pixmix prepare`: which data set, from which archives, where to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

from mixset._common.errors import InputError

Kind = Literal["imagenet", "imagenet200", "places365", "c", "cbar", "p", "r", "openood"]
FOLDERS: dict[Kind, str] = {
    "imagenet": "imagenet",
    "imagenet200": "imagenet200",
    "places365": "places365",
    "c": "ImageNet-C",
    "cbar": "ImageNet-C-Bar",
    "p": "ImageNet-P",
    "r": "imagenet-r",
    "openood": "data",
}
"""Where each data set is unpacked to, by default."""


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """Unpack archives as they are downloaded into the folders that train, evaluate and ablate take.

    The disk space it takes is said and looked at first, and every image is counted at the end. A killed call goes on
    where it was, and files that are there already stay. Nothing is downloaded, and the archives are left as they are.

    Examples:
        pixmix prepare imagenet ILSVRC2012_img_train.tar ILSVRC2012_img_val.tar ILSVRC2012_devkit_t12.tar.gz
        pixmix prepare places365 train_256_places365standard.tar val_256.tar filelist_places365-standard.tar
        pixmix prepare c noise.tar blur.tar weather.tar digital.tar extra.tar --out ImageNet-C
        pixmix prepare openood benchmark_imglist.zip ninco.zip ssb_hard.zip --out data
    """

    kind: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="KIND")]
    """What the archives are of: imagenet, imagenet200 (of the same archives the 200 classes of ImageNet-R), places365,
    c, cbar, p, r (ImageNet-C, C-bar, P, R), or openood (its lists, and images in its zips)."""
    archives: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="ARCHIVE ...")] = ()
    """All archives of it, tar (also compressed) or zip; for ImageNet's test images the development kit, or a text file
    with the WordNet id of each."""
    out: Path | None = None
    """Where the result goes: a folder, made when missing; by default imagenet, places365, ImageNet-C and so on."""
    partial: bool = False
    """Leave out what is missing in a set, and say so in the result, in place of refusing it."""

    def __post_init__(self) -> None:
        if self.kind not in FOLDERS:
            raise InputError(f"KIND {self.kind}: unknown; there are {', '.join(get_args(Kind))}")
        if not self.archives:
            raise InputError("ARCHIVE: name the archives, as they were downloaded")
        names = [path.name for path in self.archives]
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(f"ARCHIVE {twice[0]}: is named twice")

    @property
    def folder(self) -> Path:
        """Where the data set is unpacked to."""
        return self.out or Path(FOLDERS[self.kind])  # type: ignore[index]
