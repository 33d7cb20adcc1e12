"""PixMix of tensors: how far from Pillow's images, how many a second, alone or for `benchmarks/gpu.py`.

    python benchmarks/gpu_engine.py [--device cuda] [--steps 50]

On an NVIDIA GPU these are the CUDA kernels. They also run on a CPU, where tensors go through the `numba` engine.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from paper import Pool
from PIL import Image

from pixmix._augment.draws import Key, draw
from pixmix._augment.mixing import BatchMixer, carry_key
from pixmix._augment.residents import Resident
from pixmix._augment.settings import CIFAR, IMAGENET, MIXINGS, OPS, PixMixSettings
from pixmix._engines import numba as numba_engine, pillow as pillow_engine
from pixmix._engines.cuda import augment, mix_sources, serves

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


class Rates(NamedTuple):
    """Seconds for PixMix of a batch on a device."""

    eager: float
    """As `PixMixBatch` and training call it, the host's work included."""
    graph: float | None
    """In a CUDA graph, with draws on the device, and crop and flip."""
    alone: float | None
    """The same graph without the draws."""


def engine_seconds(side: int, batch: int, device: torch.device, **effort: int) -> Rates:
    """How long the engine takes for a batch of a data set that lies on the device."""
    settings, pool = CASES.get((side, batch), CIFAR), make_pool((side, side))
    stored = Resident(random_images(64, side, side)[np.arange(batch) % 64], device, whole=True)
    mixer, indices = BatchMixer(settings), np.arange(batch)

    def eager(number: int) -> torch.Tensor:
        return mixer.cut_and_mix(stored, Key(0, number), indices, pool, padding=4, flip=True)

    spent = seconds(eager, device, **effort)
    if device.type != "cuda" or not serves(device):
        return Rates(spent, None, None)
    kernels = mixer.mixer(pool, (side, side), device, padding=4, flip=True)
    images, mixing = stored.tensor, torch.from_numpy(pool.images).to(device)
    sent, out = carry_key(device, Key(0, 0), indices), torch.empty(batch, side, side, 3, device=device)
    assert images is not None
    rows, out, space = sent["indices"], out.permute(0, 3, 1, 2), kernels.workspace(batch)
    whole = captured(lambda: kernels.mix(images, mixing, sent["key"], rows, rows=rows, out=out))
    alone = captured(lambda: mix_sources(images, rows, mixing, space, out))
    return Rates(spent, *(seconds(lambda _, graph=graph: graph.replay(), device, **effort) for graph in (whole, alone)))


def captured(step: Callable[[], object]) -> torch.cuda.CUDAGraph:
    """A step as a CUDA graph."""
    step()  # compiles
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph


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
    indices = np.arange(count)
    draws = draw(settings, Key(0), indices, pool)
    got = BatchMixer(settings).mix(torch.from_numpy(images).to(device), Key(0), indices, pool).cpu().numpy()
    return float(np.mean(np.abs(got - pillow_engine.mix(images, pool.images, draws)) > 1 / 255))


def waits(device: torch.device) -> str:
    """Whether a step, including crop and flip, makes the host wait for the GPU: "nothing" or torch's error."""
    pool, indices, mixer = make_pool((32, 32)), np.arange(64), BatchMixer(CIFAR)
    stored = Resident(random_images(64, 32, 32), device, whole=True)

    def step() -> torch.Tensor:
        return mixer.cut_and_mix(stored, Key(0), indices, pool, padding=4, flip=True)

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
        ops = f"{ops_off(size, device, fewer):.1e} of bytes after an op, " if serves(device) else ""
        mixed = f"{mixing_off(size, device, count=fewer):.1e} after all mixings"
        print(f"beside Pillow, {size[0]:3} x {size[1]:3}: {ops}{mixed}", flush=True)
    print(f"the host waits in a step for                {waits(device)}", flush=True)


def first_seconds(device: torch.device) -> float:
    """Seconds of the first step of a process, which compiles, or reads what an earlier process compiled."""
    start = time.perf_counter()
    waits(device)
    wait(device)
    return time.perf_counter() - start


def report_rates(device: torch.device, **effort: int) -> None:
    """Print how many images per second the engine mixes."""
    print(f"the first step takes                        {first_seconds(device):10.1f} s", flush=True)
    bandwidth = copy_bandwidth(device, 1 << 30 if device.type == "cuda" else 1 << 24, **effort)
    print(f"a copy in the device's memory               {bandwidth / 1e9:10,.0f} GB/s", flush=True)
    for side, batch in CASES:
        batch = batch if device.type == "cuda" else batch // 16
        ours, theirs = engine_seconds(side, batch, device, **effort), numba_seconds(side, batch, **effort)
        print(f"PixMix, {side} px, batch {batch:,}, with draws, crop and flip", flush=True)
        rows = {"in a CUDA graph": ours.graph, "  without the draws": ours.alone, "called from Python": ours.eager}
        for name, spent in rows.items():
            if spent is not None:
                share = needed_bytes(side, batch) / bandwidth / spent
                print(f"  {name:42}{batch / spent:10,.0f} images/s   {share:.0%} of what its bytes allow", flush=True)
        ratio = theirs / (ours.graph or ours.eager)
        print(
            f"  the numba engine on all cores, no crop    {batch / theirs:10,.0f} images/s   {ratio:.1f}x", flush=True
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="where to mix")
    parser.add_argument("--steps", type=int, default=50, help="steps of a measurement")
    chosen = parser.parse_args()
    report_checks(torch.device(chosen.device))
    report_rates(torch.device(chosen.device), steps=chosen.steps)
