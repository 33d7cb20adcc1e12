"""Figures of PixMix over k and beta, of the methods side by side, of PixMix's steps, of what a run trains on."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from mixset import MixingPool, MixingSet
from mixset._common.cropping import scale_and_crop
from mixset._common.decoding import read_image
from mixset._common.errors import InputError
from mixset._common.files import check_file, save_image
from mixset._common.normalisation import HALF
from mixset._common.progress import Progress
from mixset._store.sheet import PAPER, sheet
from pixmix._augment.draws import Draws, Key, draw
from pixmix._augment.settings import PixMixSettings
from pixmix._common.normalized import Normalized
from pixmix._engines import pillow
from pixmix.methods import METHODS, MethodSettings, find_parts, make_method
from pixmix.methods._base import Method, StepKey

from .._command.show import ShowConfig
from .._data.mixing_sets import mixing_set

if TYPE_CHECKING:
    from .._training.state import TrainingState

TILE = 160
COLUMNS = 6
"""Images in a row that shows a method."""


def show(config: ShowConfig) -> Path:
    """Draw the figure that `config` asks for, and return its path."""
    *files, out = config.paths
    check_file(out)
    for name in config.methods:
        find_parts(name)  # an unknown name ends here, before images are read
    images = np.stack([scale_and_crop(read_image(file), (config.size, config.size)) for file in files])
    pool = MixingPool(mixing_set(config.mixing_set, config.weights, config.size), config.size)
    shown = config.methods or [name for name in METHODS if _can_be_shown(name)]
    columns = max(COLUMNS, len(images))
    tiles = len(images) if config.rounds else len(images) * config.mix.k * len(config.betas) + len(shown) * columns
    with Progress(tiles, "images") as progress:
        figures = []
        for index, (image, file) in enumerate(zip(images, files, strict=True)):
            draw_one = _steps if config.rounds else _grid
            figures.append(draw_one(image, pool, config, index, file.name, progress))
        if not config.rounds:
            figures.append(_methods(shown, images, pool, config, columns, progress))
    save_image(_stacked(figures), out)
    return out


def _grid(
    image: np.ndarray, pool: MixingPool, config: ShowConfig, index: int, name: str, progress: Progress
) -> Image.Image:
    tiles, captions = [], []
    for k, beta in itertools.product(range(1, config.mix.k + 1), config.betas):
        settings = dataclasses.replace(config.mix, k=k, beta=beta)
        # The same stream of draws in each column, so that a row shows what beta alone changes.
        tiles.append(_mixed(image, pool, _with_rounds(settings, config.seed, pool, k, index)))
        captions.append(f"k {k}, beta {beta:g}")
        progress.advance()
    return sheet(tiles, captions, title=f"{name}: PixMix over k and beta", columns=len(config.betas), tile=TILE)


def _methods(
    shown: Sequence[str], images: np.ndarray, pool: MixingPool, config: ShowConfig, columns: int, progress: Progress
) -> Image.Image:
    """A row for each method, the images again and again in new draws; all views where the network sees several."""
    # Mixup and CutMix need a second image: where there is only one, it is paired with its mirror image.
    batch = images if len(images) > 1 else np.concatenate([images, images[:, :, ::-1]])
    size = (config.size, config.size)
    outliers = pool.images[:, : config.size, : config.size]
    network = _fresh_network(config.seed)
    tiles: list[np.ndarray] = []
    for name in shown:
        settings = MethodSettings(mix=config.mix)
        method = make_method(
            name, classes=1000, size=size, mean=HALF, std=HALF, settings=settings, pool=pool, outliers=outliers
        )
        row: list[np.ndarray] = []
        for epoch in itertools.count():
            views = _augmented(method, batch, network, Key(seed=config.seed, epoch=epoch))
            row += [views[view, index] for index in range(len(images)) for view in range(len(views))]
            if len(row) >= columns:
                break
        tiles += row[:columns]
        progress.advance(columns)
    title = "The methods (networks, where one is looked at, have random weights)"
    if not config.methods:
        title += ", without " + ", ".join(name for name in METHODS if name not in shown)
    return sheet(tiles, np.repeat(shown, columns).tolist(), title=title, columns=columns, tile=TILE)


def _can_be_shown(name: str) -> bool:
    row = METHODS[name]
    return not row.in_training and not row.needs_copies and row.changes != "views"


def _fresh_network(seed: int) -> nn.Module:
    from torchvision.models import resnet18  # takes seconds to import, and runs draw figures, too

    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(seed)
        return Normalized(resnet18(), HALF, HALF).train()


def _augmented(method: Method, batch: np.ndarray, network: nn.Module, key: Key) -> np.ndarray:
    """A batch (N, H, W, 3) uint8 through a method's image and batch transforms: (views, N, H, W, 3) uint8."""
    count, labels = len(batch), torch.arange(len(batch))
    images = torch.from_numpy(method.augment_array(batch, key, np.arange(count)))
    # CutMix leaves half of all batches alone, a permutation may pair an image with itself, and other methods leave half
    # of a batch alone: steps are tried until the first image changes.
    for step in range(64):
        step_key = StepKey(seed=key.seed, epoch=key.epoch, step=step)
        mixed, _ = method.batch(images, labels, network=network, key=step_key, classes=count)
        first = mixed[count * method.views :: count] if method.batch_views > 1 else mixed[:1]
        if "step" not in method.keys or ((first - images[0]).abs() > 1 / 255).any():
            break
    return _uint8(mixed.clamp(0, 1).numpy()).reshape(-1, count, *batch.shape[1:])


def _steps(
    image: np.ndarray, pool: MixingPool, config: ShowConfig, index: int, name: str, progress: Progress
) -> Image.Image:
    """A column for each round: above, what is mixed in; below, the result."""
    draws, n = _with_rounds(config.mix, config.seed, pool, config.mix.k, index)
    above, below = [(image, "input")], []
    steps = list(pillow.steps(image, pool.images, draws, n=n))
    for number, step in enumerate(steps):
        source = step.source if step.op is None else f"{step.op.replace('_', ' ')} {step.level:.2f}"
        result = _uint8(step.result[None])[0]
        if number == 0:
            below.append((result, f"start: {source}"))
            continue
        weights = "" if step.mixing in ("darken_or_lighten", "swap_channel") else f" a {step.a:.2f} b {step.b:.2f}"
        above.append((step.partner, f"round {number}: {source}"))
        below.append((result, f"{(step.mixing or '').replace('_', ' ')}{weights}"))
    tiles, captions = zip(*above, *below, strict=True)
    progress.advance()
    title = f"{name}: the steps of PixMix; above, what is mixed in; below, the result"
    return sheet(tiles, captions, title=title, columns=len(steps), tile=TILE)


def _with_rounds(settings: PixMixSettings, seed: int, pool: MixingPool, rounds: int, image: int) -> tuple[Draws, int]:
    """1,000 draws of an image, and the first of them with so many rounds that mixes in an image of the pool."""
    draws = draw(settings, Key(seed=seed, epoch=0), np.arange(1000 * image, 1000 * (image + 1)), pool)
    used = ((draws.op < 0) & (np.arange(settings.k) < draws.rounds[:, None])).any(1)
    fitting = np.flatnonzero((draws.rounds == rounds) & (used | (settings.partner == "input")))
    if not len(fitting):
        raise InputError(f"mix.k {settings.k}: no draw of {rounds} rounds among 1,000; choose a smaller k")
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


def _whole(training: TrainingState, index: int) -> np.ndarray:
    """A training image; black where it cannot be read and the run skips such."""
    size = training.data.size
    try:
        return training.data.train[index][0]
    except InputError:
        if not training.config.skip_broken:
            raise
        return np.zeros((size, size, 3), np.uint8)


def _seen(training: TrainingState, epoch: int, indices: np.ndarray) -> Tensor:
    """What the network would see of some images, (V · N, 3, H, W); the method is as it was afterwards."""
    method, training_set = training.method, training.training_set
    before = copy.deepcopy(method.state_dict())
    batch = training_set.batch(epoch, indices)
    training.network.train()
    images, _ = method.batch(
        training_set.inputs(epoch, batch),
        batch.labels.to(training.device),
        network=training.network,
        key=StepKey(seed=training.config.seed, epoch=epoch, step=0),
        classes=len(training.data.classes),
    )
    method.load_state_dict(before)
    return images


def draw_training(training: TrainingState, mixing_set: MixingSet | None, folder: Path) -> None:
    """Draw what a run trains on into its folder: `images.png` and, if it has a mixing set, `mixing_set.png`.

    Where the network sees several views of each image, the first row shows the first view, the next row the second.
    """
    data, views = training.data, training.method.views * training.method.batch_views
    spread = np.linspace(0, len(data.train) - 1, COLUMNS).astype(int)
    rows = [np.stack([_whole(training, index) for index in spread.tolist()])]
    for epoch in range(3):
        inputs = _seen(training, epoch, spread).unflatten(0, (views, len(spread)))[epoch % views]
        rows.append(_uint8(inputs.clamp(0, 1).cpu().numpy()))
    captions = [data.classes[data.train.labels[index]] for index in spread] + [""] * 3 * COLUMNS
    # The report shows the page at about half its size.
    page = sheet(list(np.concatenate(rows)), captions, columns=COLUMNS, tile=128, letters=20)
    save_image(page, folder / "images.png")
    if mixing_set is not None:
        sample = np.linspace(0, len(mixing_set) - 1, min(4 * COLUMNS, len(mixing_set))).astype(int)
        page = sheet([mixing_set[index] for index in sample], columns=COLUMNS, tile=128)
        save_image(page, folder / "mixing_set.png")
