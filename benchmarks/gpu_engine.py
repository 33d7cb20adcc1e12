"""Checks and measurements of the torch engine for `benchmarks/gpu.py`; they also run on a CPU."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from paper import Pool
from PIL import Image

from pixmix._augment.crops import crop_and_flip_tensor
from pixmix._augment.draws import Key, draw
from pixmix._augment.residents import Resident
from pixmix._augment.settings import CIFAR, IMAGENET, MIXINGS, OPS, PixMixSettings
from pixmix._engines import numba as numba_engine, pillow as pillow_engine
from pixmix._engines.torch import augment, mix_tensors

CASES = {(32, 1024): CIFAR, (224, 256): IMAGENET}
"""(side of the images, batch) → PixMix's settings."""


def wait(device: torch.device) -> None:
    """Wait until the device has finished all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(step: Callable[[int], object], device: torch.device, *, steps: int = 50, rounds: int = 5) -> float:
    """Seconds per call of `step`, which gets its number; the median of several rounds, including the host's work."""
    for number in range(min(steps, 10)):
        step(number)
    times = []
    for _ in range(rounds):
        wait(device)
        start = time.perf_counter()
        for number in range(steps):
            step(number)
        wait(device)
        times.append((time.perf_counter() - start) / steps)
    return statistics.median(times)


def random_images(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """Images with gradients and noise, (count, height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    images = np.empty((count, height, width, 3), np.uint8)
    for image in images:
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8))
        shades = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
        image[...] = np.clip(shades * 1.2 - 20 + rng.integers(-9, 10, shades.shape), 0, 255)
    return images


def make_pool(size: tuple[int, int], count: int = 64) -> Pool:
    """A pool of mixing images slightly larger than the training images."""
    return Pool(random_images(count, size[0] * 8 // 7, size[1] * 8 // 7, seed=1), size, (count,))


def engine_seconds(side: int, batch: int, device: torch.device, *, crop: bool = False, **effort: int) -> float:
    """Seconds for draws and PixMix of a batch on the device, and with `crop` also crop and flip."""
    settings, pool = CASES.get((side, batch), CIFAR), make_pool((side, side))
    images = torch.from_numpy(random_images(64, side, side)[np.arange(batch) % 64]).to(device)
    resident = Resident(pool.images, device, whole=True)
    indices = np.arange(batch)

    def step(number: int) -> torch.Tensor:
        key = Key(0, number)
        cut = crop_and_flip_tensor(images, key, indices) if crop else images
        return mix_tensors(cut, resident, draw(settings, key, indices, pool))

    return seconds(step, device, **effort)


def numba_seconds(side: int, batch: int, **effort: int) -> float:
    """Seconds for draws and PixMix of a batch by the numba engine on all cores."""
    settings, pool = CASES.get((side, batch), CIFAR), make_pool((side, side))
    images, indices = random_images(64, side, side)[np.arange(batch) % 64], np.arange(batch)

    def step(number: int) -> np.ndarray:
        return numba_engine.mix(images, pool.images, draw(settings, Key(0, number), indices, pool))

    return seconds(step, torch.device("cpu"), **effort)


def copy_bandwidth(device: torch.device, size: int = 1 << 30, **effort: int) -> float:
    """Bytes a second that a copy within the device's memory reads and writes."""
    one = torch.zeros(size, dtype=torch.uint8, device=device)
    other = torch.empty_like(one)
    return 2 * size / seconds(lambda _: other.copy_(one), device, **effort)


def needed_bytes(side: int, batch: int) -> float:
    """What has to be read and written: the images, the mixing images that are used (61 %), the float32 result."""
    return batch * side * side * 3 * (1 + 0.6125 + 4)


def ops_off(size: tuple[int, int], device: torch.device, count: int = 260) -> float:
    """The fraction of bytes that differ from Pillow's after an op."""
    rng = np.random.default_rng(0)
    images = random_images(count, *size)
    op, sign = np.arange(count).astype(np.int8) % len(OPS), rng.choice(np.array([-1, 1], np.int8), count)
    level = rng.uniform(0.1, 9.99, count)
    got = augment(torch.from_numpy(images).to(device), op, level, sign).cpu().numpy()
    off = 0
    for n, image in enumerate(images):
        expected = pillow_engine.OP_FUNCTIONS[OPS[op[n]]](Image.fromarray(image), float(level[n]), int(sign[n]))
        off += int(np.count_nonzero(got[n] != np.asarray(expected)))
    return off / got.size


def mixing_off(size: tuple[int, int], device: torch.device, count: int = 260) -> float:
    """The fraction of values that differ by more than 1/255 from the `pillow` engine's, with all mixings."""
    settings = PixMixSettings(mixings=MIXINGS)
    images, pool = random_images(count, *size), make_pool(size)
    draws = draw(settings, Key(0), np.arange(count), pool)
    resident = Resident(pool.images, device, whole=True)
    got = mix_tensors(torch.from_numpy(images).to(device), resident, draws).cpu().numpy()
    return float(np.mean(np.abs(got - pillow_engine.mix(images, pool.images, draws)) > 1 / 255))


def waits(device: torch.device) -> str:
    """Whether a step, including crop and flip, makes the host wait for the GPU: "nothing" or torch's error."""
    pool, indices = make_pool((32, 32)), np.arange(64)
    images = torch.from_numpy(random_images(64, 32, 32)).to(device)
    resident = Resident(pool.images, device, whole=True)

    def step() -> torch.Tensor:
        cut = crop_and_flip_tensor(images, Key(0), indices)
        return mix_tensors(cut, resident, draw(CIFAR, Key(0), indices, pool))

    step()
    if device.type != "cuda":
        return "nothing"
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    except RuntimeError as error:
        return str(error).splitlines()[0]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return "nothing"


def report_checks(device: torch.device, *, count: int = 260) -> None:
    """Print how much the engine's images differ from Pillow's, and whether a step waits."""
    for size in ((32, 32), (33, 47), (224, 224)):
        fewer = count if size[0] < 200 else max(count // 5, 13)
        ops, mixed = ops_off(size, device, fewer), mixing_off(size, device, count=fewer)
        beside = f"beside Pillow, {size[0]:3} x {size[1]:3}"
        print(f"{beside}: {ops:.1e} of bytes after an op, {mixed:.1e} after all mixings", flush=True)
    print(f"the host waits in a step for                {waits(device)}", flush=True)


def report_rates(device: torch.device, **effort: int) -> None:
    """Print how many images per second the engine mixes."""
    bandwidth = copy_bandwidth(device, 1 << 30 if device.type == "cuda" else 1 << 24, **effort)
    print(f"a copy in the device's memory               {bandwidth / 1e9:10,.0f} GB/s", flush=True)
    for side, batch in CASES:
        batch = batch if device.type == "cuda" else batch // 16
        ours = engine_seconds(side, batch, device, **effort)
        share = needed_bytes(side, batch) / bandwidth / ours
        what = f"PixMix, {side} px, batch {batch:,}"
        print(f"{what:44}{batch / ours:10,.0f} images/s   {share:.0%} of what its bytes allow", flush=True)
        cropped = engine_seconds(side, batch, device, crop=True, **effort)
        print(f"  with crop and flip before                 {batch / cropped:10,.0f} images/s", flush=True)
        theirs = numba_seconds(side, batch, **effort)
        print(f"  the numba engine on all cores             {batch / theirs:10,.0f} images/s   {theirs / ours:.1f}x")
