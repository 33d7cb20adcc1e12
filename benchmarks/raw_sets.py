"""Small stand-ins for the archives of C, C-bar, P, R and OpenOOD, and for what is downloaded beside them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from raw_layouts import Images, Sizes, jpeg, tar, write

C = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
    "extra": ("gaussian_blur", "saturate", "spatter", "speckle_noise"),
}
"""The archives of ImageNet-C."""
CBAR = (
    "blue_noise_sample",
    "plasma_noise",
    "checkerboard_cutout",
    "cocentric_sine_waves",
    "single_frequency_greyscale",
)
CBAR += ("brownish_noise", "perlin_noise", "sparkles", "inverse_sparkles", "caustic_refraction")
P = {
    "noise": ("gaussian_noise", "shot_noise"),
    "blur": ("motion_blur", "zoom_blur"),
    "weather": ("snow", "brightness"),
    "digital": ("translate", "rotate", "tilt", "scale"),
}
"""The archives of ImageNet-P."""


def write_corrupted(folder: Path, sizes: Sizes, images: Images) -> list[Path]:
    """ImageNet-C's five archives: the images with noise in place of its corruptions."""
    return [write(folder / f"{group}.tar", tar(dict(_corrupted(names, sizes, images)))) for group, names in C.items()]


def write_bar(folder: Path, sizes: Sizes, images: Images) -> Path:
    """`imagenet_c_bar.tar.gz`, likewise."""
    members = {f"imagenet_c_bar/{name}": data for name, data in _corrupted(CBAR, sizes, images)}
    return write(folder / "imagenet_c_bar.tar.gz", tar(members, compression="gz"))


def _corrupted(names: Sequence[str], sizes: Sizes, images: Images) -> Iterator[tuple[str, bytes]]:
    side = sizes.side * 7 // 8
    small = {(kind, n): _centre(images.one(kind, 20_000 + n), side) for kind, n in _each(sizes)}
    for name in names:
        for severity in range(1, 6):
            rng = np.random.default_rng(len(name) * 10 + severity)
            noise = rng.normal(0, 8 * severity, (side, side, 1))
            for kind, number in _each(sizes):
                noisy = np.clip(np.asarray(small[kind, number]) + noise, 0, 255).astype(np.uint8)
                file = f"ILSVRC2012_val_{kind * sizes.per_corruption + number + 1:08d}.JPEG"
                yield f"{name}/{severity}/{sizes.wnids[kind]}/{file}", jpeg(Image.fromarray(noisy))


def _each(sizes: Sizes) -> list[tuple[int, int]]:
    return [(kind, number) for kind in range(len(sizes.wnids)) for number in range(sizes.per_corruption)]


def _centre(image: Image.Image, side: int) -> Image.Image:
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def write_sequences(folder: Path, sizes: Sizes, images: Images) -> list[Path]:
    """ImageNet-P's archives: short films in which a crop moves."""
    films = {
        (kind, number): film(images.one(kind, 20_000 + number), sizes.side * 7 // 8, sizes.frames, folder)
        for kind, number in _each(sizes)
    }
    written = []
    for group, names in P.items():
        members = {
            f"{name}/{sizes.wnids[kind]}/ILSVRC2012_val_{kind * sizes.per_corruption + number + 1:08d}.mp4": data
            for name in names
            for (kind, number), data in films.items()
        }
        written.append(write(folder / f"{group}.tar", tar(members)))
    return written


def film(image: Image.Image, side: int, frames: int, folder: Path) -> bytes:
    """A film of square frames, in which the crop moves from left to right."""
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "film.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 1.0, (side, side))
    for number in range(frames):
        left = (image.width - side) * number // max(1, frames - 1)
        top = (image.height - side) // 2
        frame = image.crop((left, top, left + side, top + side))
        writer.write(np.ascontiguousarray(np.asarray(frame)[..., ::-1]))
    writer.release()
    content = path.read_bytes()
    path.unlink()
    return content


def write_renditions(folder: Path, wnids: Sequence[str], images: Images, count: int = 1) -> Path:
    """`imagenet-r.tar`: `imagenet-r/WNID/STYLE_N.jpg`, and a text beside them."""
    members = {"imagenet-r/README.txt": b"A stand-in.\n"}
    for kind, wnid in enumerate(wnids):
        for number in range(count):
            members[f"imagenet-r/{wnid}/sketch_{number}.jpg"] = jpeg(images.one(kind, 30_000 + number))
    return write(folder / "imagenet-r.tar", tar(members))


def write_openood(folder: Path, lists: Mapping[str, Sequence[str]], draw: Callable[[int], bytes]) -> list[Path]:
    """`benchmark_imglist.zip`, and a zip of the images that the lists name in each data set.

    Args:
        lists: BENCHMARK/FILE.txt → names of images, such as `texture/banded/banded_0002.jpg`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        f"benchmark_imglist/{name}": "".join(f"{file} -1\n" for file in files).encode() for name, files in lists.items()
    }
    written = [_zip(folder / "benchmark_imglist.zip", texts)]
    for stem in sorted({file.partition("/")[0] for files in lists.values() for file in files}):
        files = dict.fromkeys(file for names in lists.values() for file in names if file.startswith(f"{stem}/"))
        members = {file.partition("/")[2]: draw(number) for number, file in enumerate(files)}
        written.append(_zip(folder / f"{stem}.zip", members))
    return written


def write_outliers(folder: Path, images: Images, count: int = 25) -> Path:
    """A folder of out-of-distribution sets as they unpack: DTD's, Places69's and ImageNet's images, SVHN's file."""
    from scipy.io import savemat

    sets = {"dtd/images/banded": 900, "places69/aquarium": 910, "imagenet/n01440764": 920}
    for name, kind in sets.items():
        for number in range(count):
            write(folder / name / f"{number:04d}.jpg", jpeg(images.one(kind, number)))
    (folder / "svhn").mkdir(parents=True, exist_ok=True)
    digits = np.random.default_rng(3).integers(0, 256, (32, 32, 3, count), np.uint8)
    savemat(folder / "svhn" / "test_32x32.mat", {"X": digits, "y": np.ones((count, 1), np.uint8)})
    return folder


def _zip(path: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def write_copies(folder: Path, sizes: Sizes, images: Images) -> Path:
    """Copies of the training images in class folders, as Stylized-ImageNet's program leaves them: here negatives."""
    for kind, wnid in enumerate(sizes.wnids):
        for number in range(sizes.train):
            write(folder / wnid / f"{number}.jpg", jpeg(ImageOps.invert(images.one(kind, number))))
    return folder
