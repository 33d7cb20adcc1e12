"""CPU time per feature visualisation beside plain lucent, at equal results, and over a thousand calls.

    python benchmarks/fvis.py [--units 64] [--steps 32] [--quick]

The network is efficientnet_lite0 with its ImageNet weights, one torch thread. Three ways make the same units at the
same size in the same number of steps: lucent's `render_vis` with its defaults, one channel at a time (it scales small
pictures up to 224 pixels); the same with `fixed_image_size`; and ours, `visualise` as the maker calls it: 32 channels
of a layer, 8 at a time, the folding of batch norms included. They take turns, and CPU time is what counts. lucent's
hooks are taken away after each of its calls, for else it grows slower with each: the second table shows that.
"Activation" is the mean, over units, of the channel's mean for the finished picture at its own size. The last table is
the peak of memory in processes of their own.
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mixset.generate.fvis.folding import folded
from mixset.generate.fvis.networks import LoadedNetwork, load_network
from mixset.generate.fvis.objectives import Unit
from mixset.generate.fvis.optimise import visualise
from mixset.generate.fvis.pictures import CPU_BATCH

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lucent.optvis import param, render

LAYERS = {"early": "_blocks.2", "middle": "_blocks.8", "late": "_blocks.14"}
SIZE, BATCH = 96, 32


def ours(network: LoadedNetwork, layer: str, channels: Sequence[int], steps: int, size: int = SIZE) -> np.ndarray:
    """Pictures (n, S, S, 3) uint8 of the channels, as the maker makes a batch of one layer."""
    body = folded(network.body, keep=[layer], size=size)
    made = []
    for start in range(0, len(channels), CPU_BATCH):
        units = [Unit(layer, channel) for channel in channels[start : start + CPU_BATCH]]
        made.append(
            visualise(
                body,
                lambda place, attempt, units=units: units[place],
                range(len(units)),
                mean=network.mean,
                std=network.std,
                size=size,
                steps=steps,
            ).pictures
        )
    return np.concatenate(made)


def plain(network: LoadedNetwork, layer: str, channel: int, steps: int, fixed: int | None, clean: bool) -> np.ndarray:
    """One picture (1, S, S, 3) uint8 by lucent as it comes."""
    images = render.render_vis(
        network.body,
        f"{layer.replace('.', '_')}:{channel}",
        param_f=lambda: param.image(SIZE),
        thresholds=(steps,),
        progress=False,
        show_image=False,
        fixed_image_size=fixed,
    )
    if clean:
        remove_hooks(network.body)
    return np.rint(images[0] * 255).astype(np.uint8)


def remove_hooks(body: nn.Module) -> None:
    for module in body.modules():
        module._forward_hooks.clear()


def activations(network: LoadedNetwork, layer: str, pictures: np.ndarray) -> Tensor:
    """The mean of each channel for each picture (n, S, S, 3) uint8: (n, C)."""
    found = []
    handle = network.body.get_submodule(layer).register_forward_hook(lambda _, __, output: found.append(output))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (network.mean, network.std))
    with torch.no_grad():
        network.body((torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255 - mean) / std)
    handle.remove()
    return found[0].mean((2, 3))


def timed(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def compare(network: LoadedNetwork, depth: str, units: int, steps: int) -> None:
    """Rows of the first table for one layer."""
    layer = LAYERS[depth]
    seconds: dict[str, list[float]] = {"lucent": [], "lucent, fixed size": [], "ours": []}
    pictures: dict[str, list[np.ndarray]] = {way: [] for way in seconds}

    channels_there = activations(network, layer, np.zeros((1, SIZE, SIZE, 3), np.uint8)).shape[1]
    shown = [number % channels_there for number in range(units)]
    for start in range(0, units, BATCH):
        channels = shown[start : start + BATCH]
        cpu, made = timed(lambda: ours(network, layer, channels, steps))  # noqa: B023 - called at once
        seconds["ours"].append(cpu / len(channels))
        pictures["ours"].append(made)
        for channel in channels:
            for way, fixed in (("lucent", None), ("lucent, fixed size", SIZE)):
                cpu, made = timed(lambda: plain(network, layer, channel, steps, fixed, clean=True))  # noqa: B023
                seconds[way].append(cpu)
                pictures[way].append(made)
    medians = {way: statistics.median(values) for way, values in seconds.items()}
    values = {
        way: float(activations(network, layer, np.concatenate(made))[range(units), shown].mean())
        for way, made in pictures.items()
    }
    for way in seconds:
        print(
            f"{depth:<7} {layer:<11} {way:<20} {medians[way]:7.3f} s   {medians[way] / medians['ours']:5.1f}x"
            f"   activation {values[way]:7.2f}   {values['ours'] / values[way]:5.2f}x"
        )


def growth(network: LoadedNetwork, calls: int, rival_calls: int) -> None:
    """CPU time of the last 20 calls over that of the first 20: calls of 4 steps, one picture each."""
    for name, count, call in (
        ("ours", calls, lambda channel: ours(network, LAYERS["early"], [channel], 4)),
        ("lucent", rival_calls, lambda channel: plain(network, LAYERS["early"], channel, 4, SIZE, clean=False)),
    ):
        times = [timed(lambda: call(number % 24))[0] for number in range(count + 1)][1:]  # noqa: B023
        first, last = statistics.median(times[:20]), statistics.median(times[-20:])
        hooks = sum(len(module._forward_hooks) for module in network.body.modules())
        told = f"{name:<8} {count:5} calls: first 20 {first:.3f} s, last 20 {last:.3f} s"
        print(f"{told}, {last / first:.2f}x, {hooks} hooks left")
        remove_hooks(network.body)


def memory(batch: int, size: int) -> None:
    """The peak of memory of one batch, in MB; run in a process of its own."""
    network = load_network("efficientnet_lite0")
    ours(network, LAYERS["middle"], range(1), 1, size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours(network, LAYERS["middle"], range(batch), 4, size)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=64, help="of each layer")
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--calls", type=int, default=1000, help="of ours, for the second table; lucent gets 240")
    parser.add_argument("--quick", action="store_true", help="8 units, 8 steps, 50 calls")
    parser.add_argument("--memory", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.memory:
        memory(*options.memory)
        return
    if options.quick:
        options.units, options.steps, options.calls = 8, 8, 50
    network = load_network("efficientnet_lite0")
    print(f"{platform.machine()}, torch {torch.__version__}, one thread; {SIZE} px, {options.steps} steps\n")
    print("CPU time per picture, medians; ratio to ours; mean activation and ours as a multiple of it")
    for depth in LAYERS:
        compare(network, depth, options.units, options.steps)
    print("\nOver many calls")
    growth(network, options.calls, min(240, options.calls))
    print("\nMemory, MB per picture of a batch (middle layer)")
    for size in (96, 224):
        peaks = []
        for batch in (8, 24):
            command = [sys.executable, __file__, "--memory", str(batch), str(size)]
            peaks.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
        print(f"{size} px: {(peaks[1] - peaks[0]) / 16:.1f}")


if __name__ == "__main__":
    main()
