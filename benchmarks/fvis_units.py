"""Whether visualisations show their units: the activation of each image compared with that of photographs.

    python benchmarks/fvis_units.py IMAGES [--network efficientnet_lite0] [--layers _blocks.2 ...] [--size 128]
        [--parametrisation fourier maco]

IMAGES is a folder of photographs like those the network was trained on, for example one of each ImageNet class. They
are resized and cropped to the size of the visualisations. A unit's activation is the mean of its channel over the map,
of a token unit over the patches, for the untransformed image. For each layer and parametrisation are printed: the
fraction of units whose image exceeds the 99th percentile of the photographs, the fraction that exceeds every
photograph, the median distance above the photographs' mean in standard deviations, the CPU time of a step and image
with its ratio to that of the first parametrisation, and the fraction of images with a corner (1/32 of each side)
brighter than 99 % of their pixels. With --sheet the images of each layer are written to a contact sheet.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mixset import MixingSet
from mixset._common.cropping import scale_and_crop
from mixset._store.sheet import sheet
from mixset.generate._fvis.folding import folded
from mixset.generate._fvis.layers import Layer, choose_layers, list_layers
from mixset.generate._fvis.objectives import Unit
from mixset.generate._fvis.optimise import visualise
from mixset.generate._fvis.parametrisations import PARAMETRISATIONS
from mixset.generate._fvis.rendering import CPU_BATCH
from mixset.generate._fvis.tapped import Tapped
from mixset.generate._networks.loading import LoadedNetwork, load_network

BATCH = 32


def photographs(folder: Path, size: int) -> np.ndarray:
    """The images in a folder, (N, S, S, 3) uint8."""
    images = MixingSet(folder)
    return np.stack([scale_and_crop(images[index], (size, size)) for index in range(len(images))])


def activations(network: LoadedNetwork, layer: Layer, images: np.ndarray) -> Tensor:
    """The mean of each channel for each image, (N, C)."""
    tapped = Tapped(network.body, {layer.name: layer.layout}, network.mean, network.std, None)
    rows = []
    with torch.no_grad():
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(images[start : start + BATCH]).permute(0, 3, 1, 2) / 255
            rows.append(tapped.features(batch)[layer.name].mean((2, 3)))
    return torch.cat(rows)


class Made(NamedTuple):
    """Visualisations of the first channels of a layer."""

    images: np.ndarray
    """The images, (n, S, S, 3) uint8."""
    seconds: float
    """The median CPU time of a step and image, over batches."""


def visualisations(network: LoadedNetwork, layer: Layer, parametrisation: str, options: argparse.Namespace) -> Made:
    """A visualisation of each of the first `options.units` channels."""
    body = folded(network.body, keep=[layer.name], size=options.size)
    batches, seconds = [], []
    channels = range(min(options.units, layer.channels))
    for start in channels[::CPU_BATCH]:
        units = [Unit(layer.name, channel) for channel in channels[start : start + CPU_BATCH]]
        begun = time.process_time()
        batches.append(
            visualise(
                body,
                lambda index, attempt, units=units: units[index],
                [start + index for index in range(len(units))],
                mean=network.mean,
                std=network.std,
                size=options.size,
                steps=options.steps,
                parametrisation=parametrisation,
                layouts={layer.name: layer.layout},
            ).images
        )
        seconds.append((time.process_time() - begun) / len(units) / options.steps)
    return Made(np.concatenate(batches), statistics.median(seconds))


def bright_corners(images: np.ndarray) -> float:
    """The fraction of images with a corner whose mean is above the 99th percentile of the image's brightness."""
    grey, side = images.mean(3), max(images.shape[1] // 32, 1)
    edges = (slice(None, side), slice(-side, None))
    corners = np.stack([grey[:, down, along].mean((1, 2)) for down in edges for along in edges])
    return float((corners.max(0) > np.quantile(grey, 0.99, axis=(1, 2))).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--network", default="efficientnet_lite0")
    parser.add_argument("--layers", nargs="+", default=["_blocks.2", "_blocks.8", "_blocks.14"])
    parser.add_argument("--units", type=int, default=64, help="of each layer, the first ones")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--sheet", type=Path, help="a folder for one page of images for each layer")
    parser.add_argument("--parametrisation", nargs="+", choices=PARAMETRISATIONS, default=["fourier", "maco"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    network = load_network(options.network)
    real = photographs(options.images, options.size)
    print(f"{options.network}, {options.size} px, {options.steps} steps, {len(real):,} photographs")
    for layer in choose_layers(list_layers(network.body, options.size), options.layers):
        reference = activations(network, layer, real)
        seconds: list[float] = []
        for parametrisation in options.parametrisation:
            made = visualisations(network, layer, parametrisation, options)
            seconds.append(made.seconds)
            print(
                f"{layer.name:<20} {parametrisation:<8} {compared(network, layer, made.images, reference)}; "
                f"{1000 * made.seconds:.1f} ms, {made.seconds / seconds[0]:.2f}x; "
                f"{bright_corners(made.images):.1%} bright corners",
                flush=True,
            )
            if options.sheet:
                options.sheet.mkdir(parents=True, exist_ok=True)
                title = f"{options.network} {layer.name}, {parametrisation}"
                page = sheet(list(made.images), list(map(str, range(len(made.images)))), title=title)
                page.save(options.sheet / f"{layer.name}-{parametrisation}.png")


def compared(network: LoadedNetwork, layer: Layer, images: np.ndarray, reference: Tensor) -> str:
    """The activations of visualisations beside those of photographs (N, C), in words."""
    channels = range(len(images))
    values, reference = activations(network, layer, images)[channels, channels], reference[:, channels]
    percentile, maximum = reference.quantile(0.99, 0), reference.amax(0)
    distance = (values - reference.mean(0)) / reference.std(0)
    return (
        f"{len(images):3} units: {(values > percentile).float().mean():6.1%} above the 99th percentile, "
        f"{(values > maximum).float().mean():6.1%} above all, median {distance.median():.1f} standard deviations"
    )


if __name__ == "__main__":
    main()
