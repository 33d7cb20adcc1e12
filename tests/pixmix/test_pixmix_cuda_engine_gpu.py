"""The CUDA engine's code for a GPU, and on one law 3, graphs and waiting."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
import torch
from cuda_simulator import KEY
from engine_samples import Photographs, Pools, law_images, off, pillows

from pixmix._augment.crops import crop_and_flip
from pixmix._augment.draws import Key, draw
from pixmix._augment.mixing import BatchMixer, carry_key
from pixmix._augment.residents import Resident
from pixmix._augment.settings import MIXINGS, OPS, PixMixSettings
from pixmix._engines import cuda, pillow as pillow_engine
from pixmix._engines.cuda_records import records_of
from pixmix._engines.torch import mix_tensors

HAS_KERNELS = importlib.util.find_spec("numba_cuda") is not None
needs_gpu = pytest.mark.skipif(
    not (torch.cuda.is_available() and HAS_KERNELS), reason="no GPU that CUDA can use, or no numba-cuda, is here"
)


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
