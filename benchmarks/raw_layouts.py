"""Small stand-ins for the archives of ImageNet, Places365 and their sets, in exactly the layouts of the originals.

The images are drawn by a seed, or taken from a tar archive of class folders; what is in the archives is a function of
both. Names, nesting, numbering and the lists beside the images are those of the originals.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

SCENES = ("/a/airfield", "/a/apartment_building/outdoor", "/a/arena/hockey", "/a/arena/rodeo", "/b/bar", "/b/barn")
SCENES += (
    "/d/desert/sand",
    "/d/desert_road",
    "/e/elevator/door",
    "/e/elevator_lobby",
    "/f/field/wild",
    "/f/field_road",
)
SCENES += ("/h/hotel/outdoor", "/h/hotel_room", "/s/sky", "/s/slum", "/t/tower", "/v/village", "/w/wave", "/y/yard")
"""Twenty of Places365's categories, in its order."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large the stand-ins are."""

    wnids: Sequence[str]
    """ImageNet's classes, by their WordNet ids, sorted."""
    scenes: Sequence[str] = SCENES
    train: int = 16
    """Training images of a class."""
    val: int = 10
    """Test images of a class."""
    side: int = 256
    """Short side of the images in pixels; those of C and P have 7/8 of it."""
    frames: int = 31
    """Of a sequence of P."""
    per_corruption: int = 1
    """Images of a class at each severity of C and C-bar, and sequences of P."""


class Images:
    """An image for each (class, number): drawn, or taken from a tar archive of class folders."""

    def __init__(self, side: int, source: Path | None = None) -> None:
        self.side, self.pool = side, list[Image.Image]()
        if source is not None:
            with tarfile.open(source) as archive:
                files = [info for info in archive if info.isfile()]
                for info in files[:: max(1, len(files) // 40)]:
                    stream = archive.extractfile(info)
                    assert stream is not None
                    self.pool.append(Image.open(stream).convert("RGB"))

    def one(self, kind: int, number: int) -> Image.Image:
        """The image of that number of a class, (side, 5/4 side) pixels; classes differ in hue and in a grating."""
        rng = np.random.default_rng((kind, number))
        width, height = self.side * 5 // 4, self.side
        if self.pool:
            image = self.pool[(kind + 40) % len(self.pool)].resize((width, height), Image.Resampling.BILINEAR)
            return ImageEnhance.Brightness(image).enhance(float(rng.uniform(0.7, 1.3)))
        y, x = np.mgrid[:height, :width] / self.side
        angle, phase = 0.7 * kind, rng.uniform(0, 6.28)
        wave = np.sin(2 * np.pi * (2 + kind % 5) * (x * np.cos(angle) + y * np.sin(angle)) + phase)
        hue = 0.5 + 0.5 * np.cos(2.1 * kind + np.array([0.0, 2.1, 4.2]))
        array = (
            127
            + 60 * wave[..., None] * hue
            + rng.normal(0, 12, (height // 8 + 1, width // 8 + 1, 3)).repeat(8, 0).repeat(8, 1)[:height, :width]
        )
        return Image.fromarray(np.clip(array, 0, 255).astype(np.uint8))


def jpeg(image: Image.Image) -> bytes:
    """As a JPEG of quality 85."""
    content = io.BytesIO()
    image.save(content, "JPEG", quality=85)
    return content.getvalue()


def tar(members: Mapping[str, bytes], *, compression: str = "") -> bytes:
    """A tar archive of files in this order."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=f"w:{compression}") as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


def write_imagenet(folder: Path, sizes: Sizes, images: Images) -> list[Path]:
    """`ILSVRC2012_img_train.tar`, a tar of tars; `ILSVRC2012_img_val.tar`; `ILSVRC2012_devkit_t12.tar.gz`."""
    wnids = sizes.wnids
    inner = {}
    for kind, wnid in enumerate(wnids):
        names = {f"{wnid}_{7 * number + 3}.JPEG": jpeg(images.one(kind, number)) for number in range(sizes.train)}
        inner[f"{wnid}.tar"] = tar(names)
    # The numbers of the kit are not in the order of WordNet ids.
    order = np.random.default_rng(0).permutation(len(wnids))
    ids = {int(kind): number + 1 for number, kind in enumerate(order)}
    drawn = np.random.default_rng(1).permutation(np.repeat(np.arange(len(wnids)), sizes.val))
    val = {
        f"ILSVRC2012_val_{number:08d}.JPEG": jpeg(images.one(int(kind), 10_000 + number))
        for number, kind in enumerate(drawn, 1)
    }
    kit = "ILSVRC2012_devkit_t12"
    content = {
        f"{kit}/readme.txt": b"A stand-in.\n",
        f"{kit}/data/ILSVRC2012_validation_ground_truth.txt": "".join(f"{ids[int(k)]}\n" for k in drawn).encode(),
        f"{kit}/data/meta.mat": _meta(sizes, ids),
    }
    return [
        write(folder / "ILSVRC2012_img_train.tar", tar(inner)),
        write(folder / "ILSVRC2012_img_val.tar", tar(val)),
        write(folder / f"{kit}.tar.gz", tar(content, compression="gz")),
    ]


def _meta(sizes: Sizes, ids: Mapping[int, int]) -> bytes:
    """The kit's table of classes, with one above them all, as the original has 860."""
    from scipy.io import savemat

    fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "O")]
    fields += [("children", "O"), ("wordnet_height", "O"), ("num_train_images", "O")]
    rows = [
        (float(ids[kind]), wnid, f"class {wnid}", "a stand-in", 0.0, np.zeros(0), 0.0, float(sizes.train))
        for kind, wnid in enumerate(sizes.wnids)
    ]
    rows.sort(key=lambda row: row[0])
    number = float(len(rows) + 1)
    rows.append((number, "n00001740", "entity", "all", float(len(rows)), np.arange(1.0, number), 1.0, 0.0))
    table = np.empty((len(rows), 1), fields)
    for index, row in enumerate(rows):
        table[index, 0] = row
    content = io.BytesIO()
    savemat(content, {"synsets": table})
    return content.getvalue()


def write_places(folder: Path, sizes: Sizes, images: Images) -> list[Path]:
    """`train_256_places365standard.tar`, `val_256.tar` and `filelist_places365-standard.tar`."""
    count = range(sizes.train)
    train = {
        f"data_256{scene}/{number + 1:08d}.jpg": jpeg(images.one(500 + kind, number))
        for kind, scene in enumerate(sizes.scenes)
        for number in count
    }
    drawn = np.random.default_rng(2).permutation(np.repeat(np.arange(len(sizes.scenes)), sizes.val))
    names = [f"Places365_val_{number:08d}.jpg" for number in range(1, len(drawn) + 1)]
    val = {
        f"val_256/{name}": jpeg(images.one(500 + int(kind), 10_000 + number))
        for number, (name, kind) in enumerate(zip(names, drawn, strict=True))
    }
    lists = {
        "categories_places365.txt": "".join(f"{scene} {kind}\n" for kind, scene in enumerate(sizes.scenes)),
        "places365_train_standard.txt": "".join(
            f"{scene}/{number + 1:08d}.jpg {kind}\n" for kind, scene in enumerate(sizes.scenes) for number in count
        ),
        "places365_val.txt": "".join(f"{name} {kind}\n" for name, kind in zip(names, drawn, strict=True)),
        "places365_test.txt": "Places365_test_00000001.jpg\n",
    }
    return [
        write(folder / "train_256_places365standard.tar", tar(train)),
        write(folder / "val_256.tar", tar(val)),
        write(folder / "filelist_places365-standard.tar", tar({name: text.encode() for name, text in lists.items()})),
    ]


def write_easy_places(folder: Path, sizes: Sizes, images: Images) -> Path:
    """`places365standard_easyformat.tar`, with class folders of names joined by hyphens."""
    members = {}
    for kind, scene in enumerate(sizes.scenes):
        name = scene[3:].replace("/", "-")
        for number in range(sizes.train):
            members[f"places365_standard/train/{name}/{number + 1:08d}.jpg"] = jpeg(images.one(500 + kind, number))
        for number in range(sizes.val):
            file = f"Places365_val_{sizes.val * kind + number + 1:08d}.jpg"
            members[f"places365_standard/val/{name}/{file}"] = jpeg(images.one(500 + kind, 10_000 + number))
    lists = {f"places365_standard/{part}.txt": b"x\n" for part in ("train", "val")}
    return write(folder / "places365standard_easyformat.tar", tar({**lists, **members}))


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
