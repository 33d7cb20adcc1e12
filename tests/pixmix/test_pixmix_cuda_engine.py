"""The CUDA engine without a GPU: its kernels in Numba's simulator, its arithmetic on the CPU, its code for a GPU.

With a GPU also law 3, graphs and waiting.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable

import cuda_simulator as cases
import numba
import numpy as np
import pytest
import torch
from cuda_simulator import KEY
from PIL import Image, ImageStat
from pixmix_samples import ArrayPool, extremes

from pixmix._augment.crops import crop_and_flip
from pixmix._augment.draws import Draws, Key, draw
from pixmix._augment.mixing import BatchMixer, carry_key
from pixmix._augment.residents import Resident
from pixmix._augment.settings import IMAGENET, MIXINGS, OPS, PixMixSettings
from pixmix._engines import cuda, numba as numba_engine, pillow as pillow_engine
from pixmix._engines.cuda_records import records_of
from pixmix._engines.cuda_values import View, augmented, mixed_pixel
from pixmix._engines.pillow import OP_FUNCTIONS
from pixmix._engines.torch import mix_tensors
from pixmix.methods._mixing import PARTNERS

Photographs = Callable[..., np.ndarray]
Pools = Callable[..., ArrayPool]

HAS_KERNELS = importlib.util.find_spec("numba_cuda") is not None
needs_gpu = pytest.mark.skipif(
    not (torch.cuda.is_available() and HAS_KERNELS), reason="no GPU that CUDA can use, or no numba-cuda, is here"
)


def pillows(images: np.ndarray, ops: np.ndarray, levels: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Each image through its op, by Pillow."""
    made = [
        np.asarray(OP_FUNCTIONS[OPS[op]](Image.fromarray(image), float(level), int(sign)))
        for image, op, level, sign in zip(images, ops, levels, signs, strict=True)
    ]
    return np.stack(made)


def off(got: np.ndarray, expected: np.ndarray) -> float:
    """The share of values more than 1/255 apart."""
    assert got.shape == expected.shape and got.dtype == np.float32
    return float(np.mean(np.abs(got - expected) > 1 / 255))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What the kernels make in the simulator, by the names of the cases."""
    path = tmp_path_factory.mktemp("simulator") / "made.npz"
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-W", "error::RuntimeWarning", cases.__file__, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    return dict(np.load(path))


@pytest.mark.parametrize("size", cases.SIZES)
def test_simulated_ops_are_pillows(size: tuple[int, int], simulated: dict[str, np.ndarray]) -> None:
    np.testing.assert_array_equal(simulated[f"ops {size}"], pillows(*cases.every_op(size)))


def test_simulated_mixings_are_the_numba_engines(simulated: dict[str, np.ndarray]) -> None:
    images, pool, draws = cases.mixings()
    assert draws.rounds.max() > 4 and {*draws.mixing[:, 0]} == set(range(6))
    np.testing.assert_array_equal(simulated["mixings"], numba_engine.mix(images, pool.images, draws))
    np.testing.assert_array_equal(simulated["gathered"], simulated["mixings"])
    assert off(simulated["mixings"], pillow_engine.mix(images, pool.images, draws)) <= 1e-4


@pytest.mark.parametrize("name", PARTNERS)
def test_simulated_methods_draw_crop_and_mix_as_arrays(name: str, simulated: dict[str, np.ndarray]) -> None:
    stored, indices, _ = cases.training_set()
    method = cases.methods()[name]
    cut = crop_and_flip(stored[indices], KEY, indices, padding=2)
    expected = method.augment_array(cut, KEY, indices)
    for count in (8, 2, 0):
        np.testing.assert_array_equal(simulated[f"{name}, {count}"], expected[:count])
    plain = method.augment_array(stored[indices], KEY, indices)
    np.testing.assert_array_equal(simulated[f"{name}, as they are"], plain)


def test_simulated_augmix_is_that_of_arrays(simulated: dict[str, np.ndarray]) -> None:
    stored, indices, _ = cases.training_set()
    expected = cases.AUGMIX.augment_array(stored[indices], KEY, indices)
    np.testing.assert_allclose(simulated["augmix"], expected, atol=1e-6)


def test_simulated_ipmix_is_that_of_arrays(simulated: dict[str, np.ndarray]) -> None:
    stored, indices, _ = cases.training_set()
    expected = cases.IPMIX.augment_array(stored[indices], KEY, indices)
    np.testing.assert_allclose(simulated["ipmix"], expected, atol=1e-6)


def test_another_copy_is_mixed_with_the_first_ones_image(simulated: dict[str, np.ndarray]) -> None:
    stored, indices, _ = cases.training_set()
    expected = cases.methods()["mix-aug"].augment_array(stored[indices], KEY.of_copy(1), indices)
    assert np.mean(np.abs(simulated["another copy"] - expected) > 1.001 / 255) < 1e-2


def test_bfloat16_is_the_result_rounded_once(simulated: dict[str, np.ndarray]) -> None:
    """And a key in the device's memory may change, as between two replays of a graph."""
    stored, indices, pool = cases.training_set()
    for epoch in (0, 1):
        draws = draw(PixMixSettings(), Key(7, epoch), indices, pool)
        exact = torch.from_numpy(numba_engine.mix(stored[indices], pool.images, draws))
        np.testing.assert_array_equal(simulated[f"bfloat16, {epoch}"], exact.to(torch.bfloat16).float().numpy())


@numba.njit
def mix_pixels(
    images: np.ndarray,
    mixing: np.ndarray,
    heads: np.ndarray,
    sources: np.ndarray,
    tables: np.ndarray,
    only_op: bool,
    result: np.ndarray,
) -> None:
    """What a GPU's threads do, one after another."""
    count, height, width = images.shape[:3]
    rows = mixing.shape[2] * 3
    flat, other = images.reshape(-1), mixing.reshape(-1)
    for n in range(count):
        head = heads[n]
        view = View(flat, n * height * width * 3, width * 3, 3, 1, height, width, 0, 0, 0)
        first = (head["image"] * mixing.shape[1] + head["top"]) * rows + head["left"] * 3
        crop = View(other, first, rows, 3, 1, height, width, 0, 0, 0)
        for y in range(height):
            for x in range(width):
                if only_op:
                    values = augmented(view, sources[n, 0], tables[n], head["grey"], y, x)
                    for channel in range(3):
                        result[n, channel, y, x] = values[channel]
                else:
                    mixed = mixed_pixel(view, crop, head, sources[n], tables[n], y, x)
                    for channel in range(3):
                        result[n, channel, y, x] = mixed[channel]


def on_cpu(images: np.ndarray, pool: np.ndarray, draws: Draws, *, only_op: bool = False) -> np.ndarray:
    """The kernels' arithmetic on the CPU, with tables and mean greys that Pillow made."""
    heads, sources = records_of(draws, images.shape[1:3])
    tables = np.zeros((len(images), 2, 3, 256), np.uint8)
    for n, image in enumerate(images):
        opened = Image.fromarray(image)
        heads["grey"][n] = int(ImageStat.Stat(opened.convert("L")).mean[0] + 0.5)
        for op in range(2):
            made = np.asarray(OP_FUNCTIONS[OPS[op]](opened, 1.0, 1))
            for channel in range(3):
                tables[n, op, channel, image[:, :, channel]] = made[:, :, channel]
    result = np.empty((len(images), 3, *images.shape[1:3]), np.float32)
    mix_pixels(np.ascontiguousarray(images), pool, heads, sources, tables, only_op, result)
    return result


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (3, 5), (1, 1), (40, 2)])
def test_ops_are_pillows(size: tuple[int, int]) -> None:
    """Every extreme image through every op at many levels with either sign."""
    found, levels = list(extremes(*size).values()), [0.1, *np.arange(0.8, 10, 1.4 if size[0] > 30 else 0.7), 9.9999999]
    rows = [(p, op, level, sign) for p in found for op in range(len(OPS)) for level in levels for sign in (1, -1)]
    images, *numbers = map(np.array, zip(*rows, strict=True))
    draws = Draws.of_ops(numbers[0].astype(np.int8), numbers[1], numbers[2].astype(np.int8))
    got = on_cpu(images, images[:1], draws, only_op=True).astype(np.uint8).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(got, pillows(images, *numbers))


LAW = {
    "random": (PixMixSettings(), (32, 32), 300),
    "every mixing": (PixMixSettings(mixings=MIXINGS, aug_severity=10.0, k=5), (33, 47), 100),
    "large": (IMAGENET, (224, 224), 6),
    "many rounds": (PixMixSettings(k=60, mixings=MIXINGS), (9, 8), 60),
    "wide": (PixMixSettings(beta=0.05, mixings=MIXINGS), (9, 8), 60),
}


@pytest.mark.parametrize("case", LAW.values(), ids=LAW.keys())
@pytest.mark.parametrize("kind", ["photographs", "extremes"])
def test_mixing_is_the_numba_engines_and_close_to_pillow(
    case: tuple[PixMixSettings, tuple[int, int], int], kind: str, photographs: Photographs, array_pool: Pools
) -> None:
    chosen, size, count = case
    images, pool = law_images(kind, count, size, photographs, array_pool)
    draws = draw(chosen, Key(5), np.arange(count), pool)
    got = on_cpu(images, pool.images, draws)
    np.testing.assert_array_equal(got, numba_engine.mix(images, pool.images, draws))
    assert off(got, pillow_engine.mix(images, pool.images, draws)) <= 1e-4


def law_images(
    kind: str, count: int, size: tuple[int, int], photographs: Photographs, array_pool: Pools
) -> tuple[np.ndarray, ArrayPool]:
    """Photographs, or extreme images that are mixed with extreme images."""
    pool = array_pool(size)
    if kind == "photographs":
        return photographs(count, *size, seed=3), pool
    found = list(extremes(*size).values())
    pool.images = np.stack(list(extremes(*pool.images.shape[1:3]).values()))
    pool.counts = (len(pool.images),)
    return np.stack(found)[np.arange(count) % len(found)], pool


SIGNATURES = {
    "draw_all": "key indices recipe mixings firsts limits heads sources",
    "make_tables": "data strides size rows heads sources tables",
    "mix_all": "data strides size rows data size heads sources tables float32",
    "mix_all_to_bfloat16": "data strides size rows data size heads sources tables uint16",
    "augment_all": "data strides size rows heads sources tables data",
}
COMPILE = """
import json, sys
from numba import cuda, from_dtype, types
import numba.cuda.dispatcher as dispatcher
from pixmix._engines import cuda_kernels
from pixmix._engines.cuda_records import HEAD, SOURCE, RECIPE

class Hopper:
    compute_capability = (9, 0)

dispatcher.get_current_device = lambda: Hopper  # asked for as functions are compiled
whole = types.int64[::1]
kinds = {
    "key": whole, "indices": whole, "rows": whole, "firsts": whole, "recipe": from_dtype(RECIPE)[::1],
    "mixings": types.int8[::1], "limits": types.float64[::1], "heads": from_dtype(HEAD)[::1],
    "sources": from_dtype(SOURCE)[:, ::1], "tables": types.uint8[:, :, :, ::1], "data": types.uint8[::1],
    "strides": types.UniTuple(types.int64, 4), "size": types.UniTuple(types.int64, 2),
    "float32": types.float32[::1], "uint16": types.uint16[::1],
}
for name, arguments in json.loads(sys.argv[1]).items():
    function = getattr(cuda_kernels, name).py_func
    signature = tuple(kinds[argument] for argument in arguments.split())
    code, _ = cuda.compile(function, signature, cc=(9, 0), device=False, abi="numba")
    print(name, ".entry" in code)
"""


def has_compiler() -> bool:
    """Whether numba-cuda can compile, for which it needs no GPU."""
    code = "from numba.cuda.cudadrv import nvrtc, nvvm; nvvm.NVVM(), nvrtc.get_supported_ccs()"
    return HAS_KERNELS and subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_kernels_compile_for_a_gpu() -> None:
    """Types that the simulator does not have, and what of Python and NumPy a GPU has not."""
    if not has_compiler():
        pytest.skip("numba-cuda, or the libnvvm and libnvrtc that it compiles with, is not here")
    import json

    command = [sys.executable, "-c", COMPILE, json.dumps(SIGNATURES)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.split() == [word for name in SIGNATURES for word in (name, "True")]


@needs_gpu
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (224, 224)])
def test_law_on_a_gpu(size: tuple[int, int], photographs: Photographs, array_pool: Pools) -> None:
    """Ops within a step of Pillow's in a byte of 10³, and mixed values within 1/255 but for one in 10⁴."""
    count = 260 if size[0] < 100 else 52
    rng = np.random.default_rng(0)
    images, op = photographs(count, *size), np.arange(count).astype(np.int8) % len(OPS)
    numbers = op, rng.uniform(0.1, 10, count), rng.choice(np.array([-1, 1], np.int8), count)
    got = cuda.augment(torch.from_numpy(images).cuda(), *numbers).cpu().numpy()
    distance = np.abs(got.astype(int) - pillows(images, *numbers))
    assert distance.max() <= 1 and np.mean(distance > 0) <= 1e-3
    for kind in ("photographs", "extremes"):
        images, pool = law_images(kind, count, size, photographs, array_pool)
        settings = PixMixSettings(mixings=MIXINGS, aug_severity=10.0)
        expected = pillow_engine.mix(images, pool.images, draw(settings, Key(5), np.arange(count), pool))
        mixed = BatchMixer(settings).mix(torch.from_numpy(images).cuda(), Key(5), np.arange(count), pool)
        assert off(mixed.cpu().numpy(), expected) <= 1e-4


@needs_gpu
def test_draws_on_a_gpu_are_the_hosts(array_pool: Pools) -> None:
    pool, count, device = array_pool(counts=(5, 2)), 1000, torch.device("cuda", 0)
    settings, images = PixMixSettings(mixings=MIXINGS, k=7), torch.zeros(count, 32, 32, 3, dtype=torch.uint8)
    mixer = cuda.CudaMixer(settings, pool, (32, 32), device)
    sent = carry_key(device, KEY, np.arange(count))
    mixer.mix(images.to(device), torch.from_numpy(pool.images).to(device), sent["key"], sent["indices"])
    heads, sources = mixer.workspace(count).fetch()
    expected, steps = records_of(draw(settings, KEY, np.arange(count), pool), (32, 32))
    for name in ("rounds", "image", "top", "left"):
        np.testing.assert_array_equal(heads[name], expected[name])
    there = np.arange(8) <= expected["rounds"][:, None]
    np.testing.assert_array_equal(sources["op"][there], steps["op"][there])
    np.testing.assert_allclose(sources["numbers"][there], steps["numbers"][there], rtol=1e-12)
    there[:, 0] = False
    for name in ("mixing", "coin", "channel"):
        np.testing.assert_array_equal(sources[name][there], steps[name][there])
    for name in ("a", "b", "a2", "b2"):
        np.testing.assert_allclose(sources[name][there], steps[name][there], atol=1e-6)


@needs_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_step_is_captured_and_allocates_and_waits_for_nothing(
    dtype: torch.dtype, photographs: Photographs, array_pool: Pools
) -> None:
    pool, device = array_pool(), torch.device("cuda", 0)
    images, mixing = torch.from_numpy(photographs(500, 32, 32)).to(device), torch.from_numpy(pool.images).to(device)
    mixer = cuda.CudaMixer(PixMixSettings(), pool, (32, 32), device, padding=4, flip=True)
    sent = carry_key(device, Key(3, 0), np.arange(0, 500, 2))
    key, rows, out = sent["key"], sent["indices"], torch.empty(250, 32, 32, 3, dtype=dtype, device=device)

    def step(result: torch.Tensor) -> torch.Tensor:
        return mixer.mix(images, mixing, key, rows, rows=rows, out=result.permute(0, 3, 1, 2))

    step(out)
    torch.cuda.synchronize()
    before = torch.cuda.memory_stats()["allocation.all.allocated"]
    torch.cuda.set_sync_debug_mode("error")
    try:
        step(out)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.cuda.memory_stats()["allocation.all.allocated"] == before
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step(out)
    for epoch in (1, 2):
        key[1] = epoch
        graph.replay()
        assert torch.equal(out, step(torch.empty_like(out)).permute(0, 2, 3, 1))
        cut = crop_and_flip(images[::2].cpu().numpy(), Key(3, epoch), np.arange(0, 500, 2))
        expected = pillow_engine.mix(cut, pool.images, draw(PixMixSettings(), Key(3, epoch), rows.cpu().numpy(), pool))
        exact = torch.from_numpy(expected).to(dtype).float().numpy()
        assert off(out.permute(0, 3, 1, 2).float().cpu().numpy(), exact) <= 1e-4 * (1 + 9 * (dtype != torch.float32))


@needs_gpu
@pytest.mark.parametrize("whole", [True, False])
def test_a_gpu_is_not_waited_for(whole: bool, photographs: Photographs, array_pool: Pools) -> None:
    """With draws from the host, and with mixing images that do not fit and are gathered there."""
    pool, images = array_pool(), torch.from_numpy(photographs(100, 32, 32)).cuda()
    resident, draws = Resident(pool.images, "cuda", whole=whole), draw(PixMixSettings(), Key(0), np.arange(100), pool)
    mix_tensors(images, resident, draws)
    torch.cuda.set_sync_debug_mode("error")
    try:
        got = mix_tensors(images, resident, draws)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert off(got.cpu().numpy(), pillow_engine.mix(images.cpu().numpy(), pool.images, draws)) <= 1e-4
