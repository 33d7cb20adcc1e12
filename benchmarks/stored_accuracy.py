"""What `mixset import --labels --side` costs a trained network: top-1 of smaller images and of their originals.

    python benchmarks/stored_accuracy.py SAMPLES [--original 375] [--epochs 3]

SAMPLES has a folder for each of ImageNet's 1,000 classes, named by its WordNet id, with images whose short side is 256.
ImageNet's own files are larger, most of them 375 px. So everything is measured in proportion: an image of 256 px stands
for one of `--original` px, and sides and the network's input are scaled alike (at 375, `--side 256` becomes 173, and
224 px become 152). The network is efficientnet_lite0 with its ImageNet weights, which it has from images of 224 px.
Images are read as by `pixmix train`: the test's centre crops, and training's random crops in the same boxes for all.
Differences are of the same images, with the standard error over images (of centre crops it is McNemar's).
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from mixset._stored.import_stored import import_labelled
from mixset.generate._networks.loading import load_network
from pixmix import Normalized
from pixmix.methods import Method
from pixmix.readers import imagenet_wnids
from pixmix.train._data.datasets import load_data
from pixmix.train._training.batches import TrainingSet

SHORT, NETWORK_SIDE = 256, 224
"""The samples' short side, and that of the crops which the usual network sees."""
FORMS: dict[str, tuple[int, int] | None] = {
    "original": None,
    "`--side 320 --jpeg 90`": (320, 90),
    "`--side 256 --jpeg 95`": (256, 95),
    "`--side 256 --jpeg 90`": (256, 90),
}
"""Side and quality; None for the files as they are."""


class Compared(NamedTuple):
    """Predictions on images that were made smaller beside those on the originals; shares of all crops."""

    top1: float
    agreement: float
    """Crops of which both predict the same class."""
    difference: float
    """Top-1 on smaller images less that on the originals."""
    error: float
    """The standard error of `difference`, crops of one image taken together."""


def compare(smaller: NDArray[np.int64], original: NDArray[np.int64], labels: NDArray[np.int64]) -> Compared:
    """Args: predicted classes, (E, N) for E crops of each of N images, and the images' classes, (N,)."""
    right = smaller == labels
    changes = (right.astype(float) - (original == labels)).mean(axis=0)
    return Compared(
        top1=float(right.mean()),
        agreement=float((smaller == original).mean()),
        difference=float(changes.mean()),
        error=float(changes.std() / np.sqrt(len(changes))),
    )


def choose(samples: Path, root: Path, count: int | None) -> int:
    """Copy the first `count` samples whose short side is 256 as data to train and to test on; their number."""
    chosen: list[Path] = []
    for path in sorted(samples.glob("n*/*")):
        with Image.open(path) as image:
            if min(image.size) == SHORT:
                chosen.append(path)
    for path in chosen[:count]:
        for part in ("train", "val"):
            shutil.copytree(path.parent, root / part / path.parent.name)
    return len(chosen[:count])


def predictions(dataset: str, size: int, network: torch.nn.Module, epochs: int) -> tuple[NDArray, NDArray, NDArray]:
    """Predicted classes of centre crops, (1, N), and of `epochs` random crops, (E, N), and the WordNet ids, (N,)."""
    data = load_data(dataset, size=size)
    crops = TrainingSet(data.train, Method(), seed=0, flip=True, tensors=True)
    parts = np.array_split(np.arange(len(data.train)), -(-len(data.train) // 16))
    centre = [predict(network, np.stack([data.test[index][0] for index in part])) for part in parts]
    random = [
        np.concatenate([predict(network, crops.make(epoch, part)[0]) for part in parts]) for epoch in range(epochs)
    ]
    return np.concatenate(centre)[None], np.stack(random), np.array(data.classes)[data.test.labels]


def predict(network: torch.nn.Module, images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Args: (N, H, W, 3) images. Returns: (N,)."""
    with torch.inference_mode():
        # The permuted array is in channels-last order, which is the faster one here, if the weights are, too.
        return network(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255).argmax(1).numpy()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each form and kind of crop."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("samples", type=Path)
    parser.add_argument("--original", type=int, default=375, help="short side in pixels that a sample's 256 stand for")
    parser.add_argument("--epochs", type=int, default=3, help="random crops of each image")
    parser.add_argument("--count", type=int, help="of samples; default: all")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    scale = SHORT / given.original
    size = 8 * round(NETWORK_SIDE * scale / 8)
    loaded = load_network("efficientnet_lite0")
    network = Normalized(loaded.body, loaded.mean, loaded.std).eval().to(memory_format=torch.channels_last)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        count = choose(given.samples, root / "data", given.count)
        print(f"{count} images, {given.epochs} random crops of each, {size} px, {os.cpu_count()} cores", flush=True)
        numbers = {wnid: number for number, wnid in enumerate(imagenet_wnids())}
        originals: tuple[NDArray, ...] | None = None
        for name, form in FORMS.items():
            dataset = f"folder:{root / 'data'}"
            if form is not None:
                # 256 are what the test's short sides are brought to before they are cropped: that is to stay so.
                side = round(form[0] * (size * 8 // 7) / SHORT)
                import_labelled(root / "data", root / f"{form}", side=side, jpeg=form[1], quiet=True)
                dataset, name = f"store:{root / f'{form}'}", f"{name} ({side} px)"
            *found, ids = predictions(dataset, size, network, given.epochs)
            labels = np.array([numbers[wnid] for wnid in ids])
            originals = originals or tuple(found)
            for kind, smaller, original in zip(("centre", "random"), found, originals, strict=True):
                result = compare(smaller, original, labels)
                print(
                    f"{name:32} {kind}: top-1 {result.top1:.1%}, agreement {result.agreement:.1%}, "
                    f"difference {100 * result.difference:+.2f} ± {100 * result.error:.2f} points",
                    flush=True,
                )


if __name__ == "__main__":
    main()
