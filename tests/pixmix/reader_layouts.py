"""Small image sets written exactly in the layouts of the official archives."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmark_names import C as C
from PIL import Image

from mixset._common.errors import InputError
from pixmix.readers import CorruptedSet

C_EXTRA = ("gaussian_blur", "saturate", "spatter", "speckle_noise")
C_GROUPS = {"noise": C[:3], "blur": C[3:7], "weather": C[7:11], "digital": C[11:], "extra": C_EXTRA}
CBAR_CIFAR: tuple[str, ...] = (
    "blue_noise_sample",
    "brownish_noise",
    "checkerboard_cutout",
    "inverse_sparkles",
    "pinch_and_twirl",
)
CBAR_CIFAR += ("ripple", "circular_motion_blur", "lines", "sparkles", "transverse_chromatic_abberation")
CBAR_IMAGENET = {
    "blue_noise_sample": (0.8, 1.6, 2.4, 4, 5.6),
    "plasma_noise": (4.75, 7, 8.5, 9.25, 10),
    "checkerboard_cutout": (2, 3, 4, 5, 6),
    "cocentric_sine_waves": (3, 5, 8, 9, 10),
    "single_frequency_greyscale": (1, 1.5, 2, 4.5, 5),
    "brownish_noise": (1, 2, 3, 4, 5),
    "perlin_noise": (4.6, 5.2, 5.8, 7.6, 8.8),
    "sparkles": (1, 2, 3, 5, 6),
    "inverse_sparkles": (1, 2, 4, 9, 10),
    "caustic_refraction": (2.35, 3.2, 4.9, 6.6, 9.15),
}
P: tuple[str, ...] = ("gaussian_noise", "shot_noise", "motion_blur", "zoom_blur", "snow")
P += ("brightness", "translate", "rotate", "tilt", "scale")
P_EXTRA = ("gaussian_blur", "shear", "spatter", "speckle_noise")
CIFAR = tuple(["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"])
WNIDS = ("n01440764", "n01443537", "n01484850")


def bytes_of(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def cifar_c(
    root: Path, names: tuple[str, ...] = (*C, *C_EXTRA), count: int = 4, labels_type: type[Any] = np.uint8
) -> Path:
    """CIFAR-10-C: NAME.npy of (5 · count, 32, 32, 3), severity by severity, and labels.npy."""
    root.mkdir(parents=True)
    for seed, name in enumerate(names):
        np.save(root / f"{name}.npy", bytes_of(5 * count, 32, 32, 3, seed=seed))
    np.save(root / "labels.npy", np.tile(np.arange(count) * 2 % 10, 5).astype(labels_type))
    return root


def jpeg(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, "JPEG", quality=85, optimize=True)


def imagenet_c(
    root: Path,
    names: tuple[str, ...] | dict[str, tuple[float, ...]] = C,
    *,
    group: bool = False,
    severities: dict[str, list[str]] | None = None,
    side: int = 64,
    per_class: int = 2,
) -> Path:
    """ImageNet-C: [GROUP/]NAME/SEVERITY/WNID/ILSVRC2012_val_*.JPEG, severities 1 to 5 or as `severities` has them."""
    group_of = {name: f"{group_name}/" for group_name, members in C_GROUPS.items() for name in members}
    for name in names:
        for step in severities[name] if severities else "12345":
            for label, wnid in enumerate(WNIDS):
                for number in range(per_class):
                    index = f"{group_of[name] if group else ''}{name}/{step}/{wnid}"
                    shade = np.full((side, side, 3), 40 * label + number, np.uint8)
                    jpeg(root / index / f"ILSVRC2012_val_{10 * label + number:08}.JPEG", shade)
    return root


def cifar_p(root: Path, count: int = 5, axis: int = 1) -> Path:
    """CIFAR-10-P: NAME.npy of (count, frames, 32, 32, 3), extras in extra/; or with the frames on another axis."""
    (root / "extra").mkdir(parents=True)
    frames = {"motion_blur": 21, "translate": 16}
    for seed, name in enumerate((*P, *P_EXTRA)):
        array = bytes_of(count, frames.get(name, 31), 32, 32, 3, seed=seed)
        folder = root / "extra" if name in P_EXTRA else root
        np.save(folder / f"{name}.npy", np.moveaxis(array, 1, axis))
    return root


def video(path: Path, frames: np.ndarray) -> None:
    """An mp4 file of (frames, H, W, 3) RGB, as ImageNet-P has them."""
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames.shape[1:3]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 1, (width, height))
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()


def shades(frames: int, side: int = 64, first: int = 0) -> np.ndarray:
    """Frames that a lossy video keeps apart: red grows, blue falls, and the top is brighter than the bottom."""
    sequence = np.zeros((frames, side, side, 3), np.uint8)
    sequence[..., 0] = (first + 5 * np.arange(frames))[:, None, None]
    sequence[..., 2] = (200 - 5 * np.arange(frames))[:, None, None]
    sequence[:, : side // 2, :, 1] = 90
    return sequence


def imagenet_p(root: Path, names: tuple[str, ...] = P, *, frames: int = 6, group: str = "") -> Path:
    """ImageNet-P: [GROUP/]NAME/WNID/ILSVRC2012_val_*.mp4; translate has ten frames more."""
    for name in names:
        for label, wnid in enumerate(WNIDS[:2]):
            index = root / group / name / wnid / f"ILSVRC2012_val_{label:08}.mp4"
            video(index, shades(frames + 10 * (name == "translate"), first=20 * label))
    return root


def refused(root: Path, suite: str = "c", **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        CorruptedSet(root, suite, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def wnid_folders(root: Path, wnids: Iterable[str], *, per_class: int = 1, suffix: str = "jpg") -> Path:
    """ImageNet-A, -O and -Sketch: WNID/NAME, each image of a shade of its own."""
    for number, wnid in enumerate(wnids):
        for index in range(per_class):
            shade = np.full((24, 30, 3), (3 * number + 7 * index) % 256, np.uint8)
            jpeg(root / wnid / f"{index}.{suffix}", shade)
    return root


def cifar10_1(root: Path, version: str = "v6", count: int = 2000, labels_type: type[Any] = np.int32) -> Path:
    """CIFAR-10.1: cifar10.1_VERSION_data.npy and ..._labels.npy."""
    root.mkdir(parents=True, exist_ok=True)
    np.save(root / f"cifar10.1_{version}_data.npy", bytes_of(count, 32, 32, 3, seed=count))
    np.save(root / f"cifar10.1_{version}_labels.npy", (np.arange(count) * 7 % 10).astype(labels_type))
    return root


def cifar10_2(root: Path, count: int = 2000, **members: Any) -> Path:
    """CIFAR-10.2: cifar102_test.npz, with members that are Python objects."""
    root.mkdir(parents=True, exist_ok=True)
    content = {
        "images": bytes_of(count, 32, 32, 3, seed=2),
        "labels": np.arange(count) * 3 % 10,
        "label_names": np.array(CIFAR),
        "ti_indices": np.arange(count),
        "keywords": np.array(["a", None], object),
    }
    np.savez(root / "cifar102_test.npz", **{**content, **members})
    return root


def cinic10(root: Path, *, cifar: int = 2, imagenet: int = 7) -> Path:
    """CINIC-10: test/CLASS/*.png, some of them CIFAR-10's by their names."""
    for label, name in enumerate(CIFAR):
        folder = root / "test" / name
        folder.mkdir(parents=True)
        for number in range(cifar + imagenet):
            own = number < cifar
            file = f"cifar-10-test-{10 * label + number}.png" if own else f"n02123045_{10 * label + number}.png"
            Image.fromarray(bytes_of(32, 32, 3, seed=100 * label + number)).save(folder / file)
    return root
