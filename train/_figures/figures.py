"""Figures: PixMix over k and beta, the methods side by side, the steps of a mixing, what a run trains on."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import nn

from mixset import MixingPool, MixingSet
from mixset._common.decoding import scale_and_crop
from mixset._common.errors import InputError
from mixset._common.files import check_file, save_image
from mixset._store.sheet import PAPER, sheet
from pixmix._augment.draws import Draws, Key, draw
from pixmix._augment.settings import PixMixSettings
from pixmix._common.normalized import Normalized
from pixmix._engines import pillow
from pixmix.methods import METHODS, MethodSettings, make_method
from pixmix.methods._base import Method, StepKey

from .._command.show import ShowConfig
from .._data.labelled import HALF, read
from .._data.mixing_sets import mixing_set

if TYPE_CHECKING:
    from .._training.loop import Training

TILE = 160
COLUMNS = 6
"""Images in a row that shows a method."""


def show(config: ShowConfig) -> Path:
    """Draw what `config` says and return the figure's path."""
    *files, out = config.paths
    check_file(out)
    images = np.stack([scale_and_crop(read(file), (config.size, config.size)) for file in files])
    pool = MixingPool(mixing_set(config.mixing_set, config.weights, config.size), config.size)
    if config.steps:
        figures = [
            _steps(image, pool, config, index, file.name)
            for index, (image, file) in enumerate(zip(images, files, strict=True))
        ]
    else:
        figures = [
            *(
                _grid(image, pool, config, index, file.name)
                for index, (image, file) in enumerate(zip(images, files, strict=True))
            ),
            _methods(images, pool, config),
        ]
    save_image(_stacked(figures), out)
    return out


def _grid(image: np.ndarray, pool: MixingPool, config: ShowConfig, index: int, name: str) -> Image.Image:
    tiles, captions = [], []
    for k, beta in itertools.product(range(1, config.mix.k + 1), config.betas):
        settings = dataclasses.replace(config.mix, k=k, beta=beta)
        # The same stream of draws in each column, so that a row shows what beta alone changes.
        tiles.append(_mixed(image, pool, _with_rounds(settings, config.seed, pool, k, index)))
        captions.append(f"k {k}, beta {beta:g}")
    return sheet(tiles, captions, title=f"{name}: PixMix over k and beta", columns=len(config.betas), tile=TILE)


def _methods(images: np.ndarray, pool: MixingPool, config: ShowConfig) -> Image.Image:
    """A row for each method, the images over and over in other draws; all views where the network sees several."""
    # Mixup and CutMix need a second image: where there is one only, it is its own mirror image.
    batch = images if len(images) > 1 else np.concatenate([images, images[:, :, ::-1]])
    size, columns = (config.size, config.size), max(COLUMNS, len(images))
    outliers = pool.images[:, : config.size, : config.size]
    network = _fresh_network(config.seed)
    shown = [name for name, row in METHODS.items() if not row.in_training and not row.needs_copies]
    tiles: list[np.ndarray] = []
    for name in shown:
        settings = MethodSettings(mix=config.mix)
        method = make_method(
            name, classes=1000, size=size, mean=HALF, std=HALF, settings=settings, pool=pool, outliers=outliers
        )
        row: list[np.ndarray] = []
        for epoch in itertools.count():
            made = _made(method, batch, network, Key(seed=config.seed, epoch=epoch))
            row += [made[view, index] for index in range(len(images)) for view in range(method.views)]
            if len(row) >= columns:
                break
        tiles += row[:columns]
    absent = ", ".join(name for name in METHODS if name not in shown)
    title = f"The methods (where one looks at a network: of random weights), without {absent}"
    return sheet(tiles, np.repeat(shown, columns).tolist(), title=title, columns=columns, tile=TILE)


def _fresh_network(seed: int) -> nn.Module:
    from torchvision.models import resnet18  # takes seconds to import, and runs draw figures, too

    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return Normalized(resnet18(), HALF, HALF).train()


def _made(method: Method, batch: np.ndarray, network: nn.Module, key: Key) -> np.ndarray:
    """A batch (N, H, W, 3) uint8 through a method's image and batch transforms: (views, N, H, W, 3) uint8."""
    count, labels = len(batch), torch.arange(len(batch))
    images = torch.from_numpy(method.augment_array(batch, key, np.arange(count)))
    # CutMix leaves half of all batches alone, and a permutation may leave an image with itself; others leave half of a
    # batch alone. A figure shows a first image that is changed.
    for step in range(64):
        step_key = StepKey(seed=key.seed, epoch=key.epoch, step=step)
        mixed, _ = method.batch(images, labels, network=network, key=step_key, classes=count)
        if METHODS[method.name].changes != "batch" or (mixed[0] != images[0]).any():
            break
    return _uint8(mixed.clamp(0, 1).numpy()).reshape(method.views, count, *batch.shape[1:])


def _steps(image: np.ndarray, pool: MixingPool, config: ShowConfig, index: int, name: str) -> Image.Image:
    draws, n = _with_rounds(config.mix, config.seed, pool, config.mix.k, index)
    tiles, captions = [image], ["input"]
    blank = np.full_like(image, PAPER, dtype=np.uint8)
    made = list(pillow.steps(image, pool.images, draws, n=n))
    for number, step in enumerate(made):
        source = step.source if step.op is None else f"{step.op.replace('_', ' ')} {step.level:.2f}"
        if number == 0:
            tiles.append(_uint8(step.result[None])[0])
            captions.append(f"start: {source}")
            continue
        tiles += [step.partner, _uint8(step.result[None])[0]]
        weights = "" if step.mixing in ("darken_or_lighten", "swap_channel") else f" a {step.a:.2f} b {step.b:.2f}"
        captions += [f"round {number}: {source}", f"{(step.mixing or '').replace('_', ' ')}{weights}"]
    # The row above holds what is mixed in, the row below what comes of it.
    above = [tiles[0], *tiles[2::2], blank][: len(made)]
    below = [tiles[1], *tiles[3::2]]
    words = [[captions[0], *captions[2::2], ""][: len(made)], [captions[1], *captions[3::2]]]
    title = f"{name}: the steps of PixMix, above what is mixed in, below the result"
    return sheet([*above, *below], [*words[0], *words[1]], title=title, columns=len(made), tile=TILE)


def _with_rounds(settings: PixMixSettings, seed: int, pool: MixingPool, rounds: int, start: int) -> tuple[Draws, int]:
    """Draws, and the first of them behind `start` that has so many rounds and mixes the pool's image in."""
    draws = draw(settings, Key(seed=seed, epoch=0), np.arange(1000 * start, 1000 * (start + 1)), pool)
    used = ((draws.op < 0) & (np.arange(settings.k) < draws.rounds[:, None])).any(1)
    fitting = np.flatnonzero((draws.rounds == rounds) & (used | (settings.partner == "input")))
    if not len(fitting):
        raise InputError(f"--mix.k {settings.k}: no draw of {rounds} rounds among 1,000; a smaller k shows as much")
    return draws, int(fitting[0])


def _mixed(image: np.ndarray, pool: MixingPool, chosen: tuple[Draws, int]) -> np.ndarray:
    draws, n = chosen
    return _uint8(pillow.mix(image[None], pool.images, draws[n : n + 1]))[0]


def _uint8(images: np.ndarray) -> np.ndarray:
    """(N, 3, H, W) float32 in [0, 1] to (N, H, W, 3) uint8."""
    return np.rint(images * 255).astype(np.uint8).transpose(0, 2, 3, 1)


def _stacked(figures: Iterable[Image.Image]) -> Image.Image:
    parts = list(figures)
    page = Image.new("RGB", (max(part.width for part in parts), sum(part.height for part in parts)), PAPER)
    top = 0
    for part in parts:
        page.paste(part, (0, top))
        top += part.height
    return page


def draw_training(training: Training, mixing_set: MixingSet | None, folder: Path) -> None:
    """Draw what a run trains on into its folder: `images.png` and, if it has a mixing set, `mixing_set.png`.

    Where the network sees several views of each image, the first row shows the first view, the next row the second.
    """
    data, views = training.data, training.method.views
    spread = np.linspace(0, len(data.train) - 1, COLUMNS).astype(int)
    rows = [np.stack([data.train[index][0] for index in spread])]
    for epoch in range(3):
        inputs = training.sample(epoch, spread).unflatten(0, (views, len(spread)))[epoch % views]
        rows.append(_uint8(inputs.clamp(0, 1).cpu().numpy()))
    captions = [data.classes[data.train.labels[index]] for index in spread] + [""] * 3 * COLUMNS
    # The report shows the page at about half its size.
    page = sheet(list(np.concatenate(rows)), captions, columns=COLUMNS, tile=128, letters=20)
    save_image(page, folder / "images.png")
    if mixing_set is not None:
        sample = np.linspace(0, len(mixing_set) - 1, min(4 * COLUMNS, len(mixing_set))).astype(int)
        page = sheet([mixing_set[index] for index in sample], columns=COLUMNS, tile=128)
        save_image(page, folder / "mixing_set.png")
