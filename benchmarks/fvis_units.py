"""Whether visualisations show their units: the activation of each image compared with that of photographs.

    python benchmarks/fvis_units.py IMAGES [--network efficientnet_lite0] [--layers _blocks.2 ...] [--size 128]

IMAGES is a folder of photographs like those the network was trained on, for example one of each ImageNet class. They
are resized and cropped to the size of the visualisations. A unit's activation is the mean of its channel over the map,
for the untransformed image. For each layer are printed: the fraction of units whose image exceeds the 99th percentile
of the photographs, the fraction that exceeds every photograph, and the median distance above the photographs' mean in
standard deviations. With --sheet the images of each layer are written to a contact sheet.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mixset import MixingSet
from mixset._common.cropping import scale_and_crop
from mixset._store.sheet import sheet
from mixset.generate._fvis.folding import folded
from mixset.generate._fvis.objectives import Unit
from mixset.generate._fvis.optimise import visualise
from mixset.generate._fvis.tapped import Tapped
from mixset.generate._networks.loading import LoadedNetwork, load_network

BATCH = 32


def photographs(folder: Path, size: int) -> np.ndarray:
    """The images in a folder, (N, S, S, 3) uint8."""
    images = MixingSet(folder)
    return np.stack([scale_and_crop(images[index], (size, size)) for index in range(len(images))])


def activations(network: LoadedNetwork, layer: str, images: np.ndarray) -> Tensor:
    """The mean of each channel for each image, (N, C)."""
    tapped = Tapped(network.body, {layer: "NCHW"}, network.mean, network.std, None)
    rows = []
    with torch.no_grad():
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(images[start : start + BATCH]).permute(0, 3, 1, 2) / 255
            rows.append(tapped.features(batch)[layer].mean((2, 3)))
    return torch.cat(rows)


def visualisations(network: LoadedNetwork, layer: str, channels: list[int], size: int, steps: int) -> np.ndarray:
    """A visualisation of each channel, (n, S, S, 3) uint8."""
    body = folded(network.body, keep=[layer], size=size)
    batches = []
    for start in range(0, len(channels), BATCH):
        units = [Unit(layer, channel) for channel in channels[start : start + BATCH]]
        batches.append(
            visualise(
                body,
                lambda index, attempt, units=units: units[index],
                [start + index for index in range(len(units))],
                mean=network.mean,
                std=network.std,
                size=size,
                steps=steps,
            ).images
        )
    return np.concatenate(batches)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--network", default="efficientnet_lite0")
    parser.add_argument("--layers", nargs="+", default=["_blocks.2", "_blocks.8", "_blocks.14"])
    parser.add_argument("--units", type=int, default=64, help="of each layer, the first ones")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--sheet", type=Path, help="a folder for one page of images for each layer")
    options = parser.parse_args()
    network = load_network(options.network)
    real = photographs(options.images, options.size)
    print(f"{options.network}, {options.size} px, {options.steps} steps, {len(real):,} photographs")
    for layer in options.layers:
        reference = activations(network, layer, real)
        channels = list(range(min(options.units, reference.shape[1])))
        images = visualisations(network, layer, channels, options.size, options.steps)
        values = activations(network, layer, images)[range(len(channels)), channels]
        percentile, maximum = reference.quantile(0.99, 0)[channels], reference.amax(0)[channels]
        distance = (values - reference.mean(0)[channels]) / reference.std(0)[channels]
        print(
            f"{layer:<24} {len(channels):3} units: {(values > percentile).float().mean():6.1%} above the 99th "
            f"percentile, "
            f"{(values > maximum).float().mean():6.1%} above all; median {distance.median():.1f} standard deviations"
        )
        if options.sheet:
            options.sheet.mkdir(parents=True, exist_ok=True)
            page = sheet(list(images), [str(channel) for channel in channels], title=f"{options.network} {layer}")
            page.save(options.sheet / f"{layer}.png")


if __name__ == "__main__":
    main()
