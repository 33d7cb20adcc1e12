"""CPU time per feature visualisation compared with plain lucent, at equal results, and over a thousand calls.

    python benchmarks/fvis.py [--units 64] [--steps 32] [--quick]

The network is efficientnet_lite0 with its ImageNet weights, on one torch thread. Three ways visualise the same units at
the same size in the same number of steps: lucent's `render_vis` with its defaults, one channel at a time (it enlarges
small images to 224 pixels); the same with `fixed_image_size`; and ours, `visualise` as `mixset make fvis` calls it: 32
channels of a layer, 8 at a time, including the folding of batch norms, in a process set up like its workers. Lucent
runs in a process of its own; runs alternate, and CPU time is measured. Lucent's hooks are removed after each of its
calls, as it would otherwise slow down with each, which the second table shows. "Activation" is the mean, over units, of
the channel's mean for the finished image at its own size. Finally, the peak memory is printed, which needs Linux.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mixset._common.memory import keep_freed_memory
from mixset.generate._fvis.folding import folded
from mixset.generate._fvis.objectives import Unit
from mixset.generate._fvis.optimise import visualise
from mixset.generate._fvis.rendering import CPU_BATCH
from mixset.generate._networks.loading import load_network

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lucent.optvis import param, render

NETWORK = "efficientnet_lite0"
LAYERS = {"early": "_blocks.2", "middle": "_blocks.8", "late": "_blocks.14"}
SIZE, BATCH = 96, 32


def ours(layer: str, channels: Sequence[int], steps: int, size: int = SIZE) -> tuple[float, np.ndarray]:
    """CPU time in seconds, and images (n, S, S, 3) uint8 of the channels, made like a batch of a set."""
    network = load_network(NETWORK)
    start, parts = time.process_time(), []
    body = folded(network.body, keep=[layer], size=size)
    for first in range(0, len(channels), CPU_BATCH):
        units = [Unit(layer, channel) for channel in channels[first : first + CPU_BATCH]]
        visualised = visualise(
            body,
            lambda index, attempt, units=units: units[index],
            range(len(units)),
            mean=network.mean,
            std=network.std,
            size=size,
            steps=steps,
        )
        parts.append(visualised.images)
    return time.process_time() - start, np.concatenate(parts)


def plain(layer: str, channel: int, steps: int, fixed: int | None, clean: bool = True) -> tuple[float, np.ndarray]:
    """CPU time in seconds, and an image (1, S, S, 3) uint8, by unmodified lucent."""
    network = load_network(NETWORK)
    start = time.process_time()
    images = render.render_vis(
        network.body,
        f"{layer.replace('.', '_')}:{channel}",
        param_f=lambda: param.image(SIZE),
        thresholds=(steps,),
        progress=False,
        show_image=False,
        fixed_image_size=fixed,
    )
    spent = time.process_time() - start
    if clean:
        for module in network.body.modules():
            module._forward_hooks.clear()
    return spent, np.rint(images[0] * 255).astype(np.uint8)


def hooks() -> int:
    """The number of hooks in the network."""
    return sum(len(module._forward_hooks) for module in load_network(NETWORK).body.modules())


def peak(layer: str, channels: Sequence[int], size: int) -> float:
    """The peak memory in MB while the channels' images are made, above that before."""
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = resident("VmRSS")
    ours(layer, channels, 2, size)
    return resident("VmHWM") - before


def resident(name: str) -> float:
    """A memory statistic of this process in MB."""
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) / 1024


def activations(layer: str, images: np.ndarray) -> Tensor:
    """The mean of each channel for each image (n, S, S, 3) uint8: (n, C)."""
    network, outputs = load_network(NETWORK), []
    handle = network.body.get_submodule(layer).register_forward_hook(lambda _, __, output: outputs.append(output))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (network.mean, network.std))
    with torch.no_grad():
        network.body((torch.from_numpy(images).permute(0, 3, 1, 2) / 255 - mean) / std)
    handle.remove()
    return outputs[0].mean((2, 3))


def compare(mine: ProcessPoolExecutor, lucents: ProcessPoolExecutor, depth: str, units: int, steps: int) -> None:
    """Print the rows of the first table for a layer."""
    layer = LAYERS[depth]
    seconds: dict[str, list[float]] = {"lucent": [], "lucent, fixed size": [], "ours": []}
    images: dict[str, list[np.ndarray]] = {way: [] for way in seconds}

    def note(way: str, spent: float, batch: np.ndarray) -> None:
        seconds[way].append(spent / len(batch))
        images[way].append(batch)

    count = activations(layer, np.zeros((1, SIZE, SIZE, 3), np.uint8)).shape[1]
    shown = [number % count for number in range(units)]
    for first in range(0, units, BATCH):
        channels = shown[first : first + BATCH]
        note("ours", *mine.submit(ours, layer, channels, steps).result())
        for channel in channels:
            note("lucent", *lucents.submit(plain, layer, channel, steps, None).result())
            note("lucent, fixed size", *lucents.submit(plain, layer, channel, steps, SIZE).result())
    median = {way: statistics.median(spent) for way, spent in seconds.items()}
    value = {
        way: float(activations(layer, np.concatenate(batches))[range(units), shown].mean())
        for way, batches in images.items()
    }
    for way in seconds:
        print(
            f"{depth:<7} {layer:<11} {way:<20} {median[way]:7.3f} s   {median[way] / median['ours']:5.1f}x"
            f"   activation {value[way]:7.2f}   {value['ours'] / value[way]:5.2f}x",
            flush=True,
        )


def growth(
    process: ProcessPoolExecutor, name: str, calls: int, call: Callable[..., object], *arguments: object
) -> None:
    """Print the CPU time of the first and the last 20 calls, each of 4 steps and one image."""
    times = [process.submit(call, LAYERS["early"], *arguments).result()[0] for _ in range(calls + 1)][1:]  # type: ignore[index]
    first, last = statistics.median(times[:20]), statistics.median(times[-20:])
    line = f"{name:<8} {calls:5} calls: first 20 {first:.3f} s, last 20 {last:.3f} s, {last / first:.2f}x"
    print(f"{line}, {process.submit(hooks).result():,} hooks left", flush=True)


def begin(keeps_memory: bool) -> None:
    """Initialise a process."""
    torch.set_num_threads(1)
    if keeps_memory:
        keep_freed_memory()
    ours(LAYERS["early"], [0], 1)  # one-time imports and loading


def process(keeps_memory: bool) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn"), initializer=begin, initargs=(keeps_memory,)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=64, help="of each layer")
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--calls", type=int, default=1000, help="of ours, for the second table; lucent gets 240")
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=list(LAYERS), help="of the first table")
    parser.add_argument("--quick", action="store_true", help="8 units, 8 steps, 50 calls")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.quick:
        options.units, options.steps, options.calls = 8, 8, 50
    print(f"{platform.machine()}, torch {torch.__version__}, one thread; {SIZE} px, {options.steps} steps\n")
    with process(True) as mine, process(False) as lucents:
        print("CPU time per image, medians; ratio to ours; mean activation, ours as a multiple of it")
        for depth in options.layers:
            compare(mine, lucents, depth, options.units, options.steps)
        print("\nOver many calls")
        growth(mine, "ours", options.calls, ours, [0], 4)
        growth(lucents, "lucent", min(240, options.calls), plain, 0, 4, SIZE, False)
    with process(True) as fresh:
        memory = fresh.submit(peak, LAYERS["middle"], range(CPU_BATCH), 224).result() / CPU_BATCH
    print(f"\nPeak memory per image of 224 px (middle layer): {memory:.0f} MB")


if __name__ == "__main__":
    main()
