"""Whether visualisations show their units: each image's activation against those of real photographs.

    python benchmarks/fvis_units.py IMAGES [--network efficientnet_lite0] [--layers _blocks.2 ...] [--size 128]

IMAGES is a folder of photographs, those the network was trained for, for instance one of each ImageNet class. They
are scaled and cropped to the size of the visualisations. A unit's activation is the mean of its channel over the map,
of the untransformed image. For each layer: the share of units whose image exceeds the unit's 99th percentile over
the photographs, the share that exceeds every photograph, and by how many standard deviations the median one lies above
the photographs' mean. With --sheet the images are shown on one page for each layer.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mixset import MixingSet
from mixset._common.decoding import scale_and_crop
from mixset._store.sheet import sheet
from mixset.generate._fvis.folding import folded
from mixset.generate._fvis.objectives import Unit
from mixset.generate._fvis.optimise import visualise
from mixset.generate._fvis.tapped import Tapped
from mixset.generate._networks.loading import LoadedNetwork, load_network

BATCH = 32


def photographs(folder: Path, size: int) -> np.ndarray:
    """(N, S, S, 3) uint8."""
    images = MixingSet(folder)
    return np.stack([scale_and_crop(images[index], (size, size)) for index in range(len(images))])


def activations(network: LoadedNetwork, layer: str, images: np.ndarray) -> Tensor:
    """(N, C): the mean of each channel."""
    tapped = Tapped(network.body, [layer], network.mean, network.std, None)
    rows = []
    with torch.no_grad():
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(images[start : start + BATCH]).permute(0, 3, 1, 2) / 255
            rows.append(tapped.features(batch)[layer].mean((2, 3)))
    return torch.cat(rows)


def visualisations(network: LoadedNetwork, layer: str, channels: list[int], size: int, steps: int) -> np.ndarray:
    """(n, S, S, 3) uint8, one of each channel."""
    body = folded(network.body, keep=[layer], size=size)
    made = []
    for start in range(0, len(channels), BATCH):
        units = [Unit(layer, channel) for channel in channels[start : start + BATCH]]
        made.append(
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
    return np.concatenate(made)


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
        seen = activations(network, layer, real)
        channels = list(range(min(options.units, seen.shape[1])))
        made = visualisations(network, layer, channels, options.size, options.steps)
        found = activations(network, layer, made)[range(len(channels)), channels]
        bar, most = seen.quantile(0.99, 0)[channels], seen.amax(0)[channels]
        above = (found - seen.mean(0)[channels]) / seen.std(0)[channels]
        print(
            f"{layer:<24} {len(channels):3} units: {(found > bar).float().mean():6.1%} above the 99th percentile, "
            f"{(found > most).float().mean():6.1%} above all; median {above.median():.1f} standard deviations"
        )
        if options.sheet:
            options.sheet.mkdir(parents=True, exist_ok=True)
            page = sheet(list(made), [str(channel) for channel in channels], title=f"{options.network} {layer}")
            page.save(options.sheet / f"{layer}.png")


if __name__ == "__main__":
    main()
