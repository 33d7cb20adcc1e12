"""The torch engine against Pillow's ops and the `pillow` engine; what it asks of a device, and of a compiler."""

import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image
from pixmix_samples import extremes
from torch.utils._python_dispatch import TorchDispatchMode

from mixset._common.errors import InputError
from pixmix._augment.draws import Key, draw
from pixmix._augment.residents import Resident
from pixmix._augment.settings import IMAGENET, MIXINGS, OPS, PixMixSettings
from pixmix._engines import affine_ops, compiling, pillow as pillow_engine, tensor_affine, torch as torch_engine
from pixmix._engines.compiling import compiled
from pixmix._engines.pillow import OP_FUNCTIONS
from pixmix._engines.tensor_affine import interpolate
from pixmix._engines.tensor_mixings import mix_rounds
from pixmix._engines.torch import augment, mix_tensors

pytestmark = pytest.mark.usefixtures("one_thread")

NO_GPU = "no GPU that CUDA can use is here"
LEVELS = [0.1, *np.arange(0.05, 9.8, 0.7) + 0.1, 9.9999999]
SIZES = [(32, 32), (33, 47), (3, 5), (1, 1), (2, 9), (40, 2)]


def pillows(images, ops, levels, signs):
    made = [
        np.asarray(OP_FUNCTIONS[OPS[op]](Image.fromarray(image), float(level), int(sign)))
        for image, op, level, sign in zip(images, ops, levels, signs, strict=True)
    ]
    return np.stack(made)


def ours(images, ops, levels, signs, device="cpu"):
    numbers = np.asarray(ops, np.int8), np.asarray(levels, np.float64), np.asarray(signs, np.int8)
    return augment(torch.from_numpy(np.asarray(images)).to(device), *numbers).cpu().numpy()


def every_op(size, levels):
    """Each extreme image through each op at each level with either sign: images, ops, levels, signs."""
    found = list(extremes(*size).values())
    rows = [(p, op, level, sign) for p in found for op in range(len(OPS)) for level in levels for sign in (1, -1)]
    images, *numbers = zip(*rows, strict=True)
    return np.stack(images), *map(np.array, numbers)


@pytest.mark.parametrize("size", SIZES)
def test_ops_equal_pillows(size):
    batch = every_op(size, LEVELS[::2] if size[0] > 30 else LEVELS)
    np.testing.assert_array_equal(ours(*batch), pillows(*batch))


def test_ops_equal_pillows_at_224_pixels():
    found = extremes(224, 224)
    rng = np.random.default_rng(1)
    images = np.stack([found["noise"], found["grey"]])[np.arange(26) % 2]
    batch = images, np.arange(26) % 13, rng.uniform(0.1, 10, 26), rng.choice([-1, 1], 26)
    np.testing.assert_array_equal(ours(*batch), pillows(*batch))


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 12), st.integers(0, 2**32 - 1), st.integers(1, 256))
@settings(max_examples=60, deadline=None)
def test_ops_equal_pillows_anywhere(height, width, count, seed, spread):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, spread, (count, height, width, 3)).astype(np.uint8)
    batch = images, rng.integers(0, 13, count), rng.uniform(0.1, 10, count), rng.choice([-1, 1], count)
    np.testing.assert_array_equal(ours(*batch), pillows(*batch))


@pytest.mark.parametrize("size", [(9, 12), (1, 1), (16, 5)])
def test_indices_on_the_borders_are_the_kernels(size):
    """Whole and half numbers, where a place lies on the image's edge or on a pixel's centre."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (200, *size, 3)).astype(np.uint8)
    affine = rng.integers(-3, 4, (200, 2, 3)) / 2 + np.array([[1, 0, 0], [0, 1, 0]])
    result = torch.empty(images.shape, dtype=torch.uint8)
    tensor_affine.move_pixels(torch.from_numpy(images), torch.arange(200), torch.from_numpy(affine), result)
    for image, numbers, got in zip(images, affine, result, strict=True):
        expected = np.empty((3, *size), np.uint8)
        affine_ops.affine(np.ascontiguousarray(image.transpose(2, 0, 1)), *numbers.ravel().tolist(), expected)
        np.testing.assert_array_equal(got, expected.transpose(1, 2, 0))


def test_no_op_leaves_an_image_as_it_is(photographs):
    images = torch.from_numpy(photographs(9, 16, 16))
    before = images.clone()
    op = np.array([-1, 0, -1, 3, 8, -1, 9, 12, -1], np.int8)
    made = augment(images, op, np.full(9, 5.0), np.ones(9, np.int8))
    assert torch.equal(made[op < 0], before[op < 0]) and not torch.equal(made[op == 8], before[op == 8])
    made.zero_()
    assert torch.equal(images, before)
    assert augment(images[:0], op[:0], np.zeros(0), op[:0]).shape == (0, 16, 16, 3)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (([0, 1], [1.0, 1.0], [1, 1]), "2 with 2 levels"),
        (([0, 1, 13], [1.0] * 3, [1] * 3), "-1 to 12"),
        (([0, -2, 1], [1.0] * 3, [1] * 3), "-2 to 1"),
        (([0, 1, 2], [1.0] * 3, [1] * 2), "2 signs"),
    ],
)
def test_ops_that_are_not_theirs_are_one_line(arguments, line):
    with pytest.raises(InputError, match=line):
        augment(torch.zeros(3, 8, 8, 3, dtype=torch.uint8), *map(np.array, arguments))


def share_off(got, expected):
    """The share of values more than 1/255 apart, and the largest distance."""
    distance = np.abs(got - expected)
    return np.mean(distance > 1 / 255), distance.max()


LAW = {
    "random": (PixMixSettings(), (32, 32), 400),
    "every mixing": (PixMixSettings(mixings=MIXINGS, aug_severity=10.0, k=5), (33, 47), 100),
    "large": (IMAGENET, (224, 224), 6),
    "every mixing of large ones": (PixMixSettings(mixings=MIXINGS, aug_severity=10.0), (224, 224), 6),
    "many rounds": (PixMixSettings(k=20), (9, 8), 60),
}


@pytest.mark.parametrize("case", LAW.values(), ids=LAW.keys())
@pytest.mark.parametrize("kind", ["photographs", "extremes"])
def test_mixing_is_close_to_pillow(case, kind, photographs, array_pool):
    chosen, size, count = case
    pool = array_pool(size)
    if kind == "extremes":
        found = list(extremes(*size).values())
        images = np.stack(found)[np.arange(count) % len(found)]
        pool.images = np.stack(list(extremes(*pool.images.shape[1:3]).values()))
        pool.counts = (len(pool.images),)
    else:
        images = photographs(count, *size, seed=3)
    draws = draw(chosen, Key(5), np.arange(count), pool)
    got = torch_engine.mix(images, pool.images, draws)
    assert got.dtype == np.float32 and np.isfinite(got).all() and got.min() >= 0 and got.max() <= 1
    share, largest = share_off(got, pillow_engine.mix(images, pool.images, draws))
    assert share <= 1e-5, f"{share:.1e} of the values are more than 1/255 apart, at most {largest:.3f}"


@pytest.mark.parametrize("mixing", ["multiply", "screen", "overlay"])
@pytest.mark.parametrize(("a", "b"), [(0.0, 0.5), (1e-38, -0.99), (1.0, 0.0), (2.0, -1.0), (0.5, 1.0)])
def test_powers_at_their_ends(mixing, a, b, array_pool):
    """A weight of a small beta can be 0 in float32; black to a negative power is large and finite."""
    pool = array_pool((16, 16))
    pool.images[...] = np.arange(18**2 * 3).reshape(18, 18, 3) % 256
    images = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(1, 16, 16, 3)[np.zeros(30, int)]
    draws = draw(PixMixSettings(partner="mixing_set", mixings=(mixing,)), Key(1), np.arange(30), pool)
    draws = replace(
        draws, **{name: np.full_like(draws.a, value) for name, value in dict(a=a, b=b, a2=b * b, b2=a).items()}
    )
    got = torch_engine.mix(images, pool.images, draws)
    np.testing.assert_allclose(got, pillow_engine.mix(images, pool.images, draws), atol=1e-4)


def test_result_is_float_and_channels_last(photographs, array_pool):
    pool, images = array_pool(), torch.from_numpy(photographs(10, 32, 32))
    draws = draw(PixMixSettings(), Key(0), np.arange(10), pool)
    mixed = mix_tensors(images, Resident(pool.images, "cpu"), draws)
    assert mixed.dtype == torch.float32 and mixed.shape == (10, 3, 32, 32)
    assert mixed.is_contiguous(memory_format=torch.channels_last) and not mixed.requires_grad
    for other in (torch.from_numpy(pool.images), Resident(pool.images, "cpu", whole=True)):
        assert torch.equal(mix_tensors(images, other, draws), mixed)
    turned = images.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert not turned.is_contiguous()
    assert torch.equal(mix_tensors(turned, torch.from_numpy(pool.images), draws), mixed)


def test_autocast_changes_nothing(photographs, array_pool):
    pool, images = array_pool(), torch.from_numpy(photographs(60, 32, 32))
    draws = draw(PixMixSettings(mixings=MIXINGS), Key(0), np.arange(60), pool)
    mixing = torch.from_numpy(pool.images)
    expected = mix_tensors(images, mixing, draws)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(mix_tensors(images, mixing, draws), expected)


def test_chunks_change_nothing(photographs, array_pool, monkeypatch):
    pool, images = array_pool(), torch.from_numpy(photographs(50, 32, 32))
    draws = draw(PixMixSettings(mixings=MIXINGS), Key(0), np.arange(50), pool)
    mixing, made = torch.from_numpy(pool.images), []
    for sources, pixels in ((1 << 30, 1 << 30), (1 << 18, 1 << 11), (1, 1)):
        monkeypatch.setattr(torch_engine, "_BYTES", {"cpu": sources})
        monkeypatch.setattr(tensor_affine, "_PIXELS", {"cpu": pixels})
        made.append(mix_tensors(images, mixing, draws))
    assert torch.equal(made[1], made[0]) and torch.equal(made[2], made[0])


WAITING = {
    "_local_scalar_dense",
    "item",
    "nonzero",
    "bincount",
    "masked_select",
    "_unique2",
    "unique_dim",
    "is_nonzero",
}
"""Ops for which the host waits for the device, since what comes back, or its size, depends on values."""


class Ops(TorchDispatchMode):
    """Counts what torch is asked to do; views cost a device nothing."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function._schema.name.removeprefix("aten::")
        if name.startswith("index"):
            parts = args[1] if isinstance(args[1], list | tuple) else ()
            masks = [part for part in parts if part is not None and part.dtype == torch.bool]
            assert not masks, "a mask as an index is as many as it has ones"
        if not function.is_view:
            self.counts[name] += 1
        return function(*args, **(kwargs or {}))


def ops_of_a_batch(count, chosen, photographs, array_pool):
    pool, images = array_pool(), torch.from_numpy(photographs(count, 32, 32))
    resident = Resident(pool.images, "cpu", whole=True)
    draws = draw(chosen, Key(0), np.arange(count), pool)
    mix_tensors(images, resident, draws)  # makes the constants
    with Ops() as ops:
        mix_tensors(images, resident, draws)
    return ops.counts


@pytest.mark.parametrize("mixings", [("add", "multiply"), MIXINGS])
def test_nothing_waits_and_work_is_not_by_image(mixings, photographs, array_pool, monkeypatch):
    monkeypatch.setattr(torch_engine, "_BYTES", {"cpu": 1 << 30})
    monkeypatch.setattr(tensor_affine, "_PIXELS", {"cpu": 1 << 30})
    chosen = PixMixSettings(mixings=mixings)
    few, many = (ops_of_a_batch(count, chosen, photographs, array_pool) for count in (100, 300))
    assert not WAITING & set(many)
    assert few == many


def test_few_kernels_are_launched(photographs, array_pool, monkeypatch):
    """Small images cost what is launched; beside this there are the rounds and the moving of pixels, one each."""
    monkeypatch.setattr(torch_engine, "_BYTES", {"cpu": 1 << 30})
    monkeypatch.setattr(tensor_affine, "_PIXELS", {"cpu": 1 << 30})
    monkeypatch.setattr(torch_engine, "mix_rounds", lambda sources, slots, *_: sources[: len(slots)].float())
    monkeypatch.setattr(tensor_affine, "interpolate", lambda images, chosen, *_: images[chosen])
    counts = ops_of_a_batch(300, PixMixSettings(), photographs, array_pool)
    free = {"lift_fresh", "new_empty", "empty", "empty_strided"}  # of the last, one copy carries all
    total = sum(count for name, count in counts.items() if name not in free)
    assert total <= 60


@pytest.mark.parametrize(
    ("images", "mixing", "line"),
    [
        (torch.zeros(4, 32, 32, 3), None, "float32"),
        (torch.zeros(4, 3, 32, 32, dtype=torch.uint8), None, r"\(4, 3, 32, 32\)"),
        (torch.zeros(4, 0, 32, 3, dtype=torch.uint8), None, r"\(4, 0, 32, 3\)"),
        (torch.zeros(5, 32, 32, 3, dtype=torch.uint8), None, "4 for 5"),
        (torch.zeros(4, 32, 32, 3, dtype=torch.uint8), None, "none are given"),
        (torch.zeros(4, 32, 32, 3, dtype=torch.uint8), torch.zeros(9, 40, 40, 3), "mixing images: .*float32"),
        (torch.zeros(4, 32, 32, 3, dtype=torch.uint8), torch.zeros(1, 36, 36, 3, dtype=torch.uint8), "there are 1"),
        (torch.zeros(4, 32, 32, 3, dtype=torch.uint8), torch.zeros(9, 32, 32, 3, dtype=torch.uint8), "do not fit"),
        (
            torch.zeros(4, 32, 32, 3, dtype=torch.uint8, device="meta"),
            torch.zeros(9, 36, 36, 3, dtype=torch.uint8),
            "are on cpu, the images on meta",
        ),
    ],
)
def test_bad_tensors_are_one_line(images, mixing, line, array_pool):
    pool, chosen = array_pool(), PixMixSettings(partner="mixing_set")
    indices = np.flatnonzero(draw(chosen, Key(0), np.arange(100), pool).rounds)[:4]
    with pytest.raises(InputError, match=line) as error:
        mix_tensors(images, mixing, draw(chosen, Key(0), indices, pool))
    assert "\n" not in str(error.value)


def test_what_cannot_be_compiled_runs_as_it_is(monkeypatch):
    monkeypatch.setattr(compiling, "_FAILED", set())
    monkeypatch.setattr(compiling, "compiles", lambda function, first: function not in compiling._FAILED)

    def no_compiler(function, fused):
        raise RuntimeError("no C compiler\nand a page of more")

    monkeypatch.setattr(compiling, "compiled", no_compiler)
    one = torch.ones(3)
    with pytest.warns(UserWarning, match="exp.* cannot be compiled here: no C compiler$"):
        assert torch.equal(compiling.run_compiled(torch.exp, one), one.exp())
    assert torch.equal(compiling.run_compiled(torch.exp, one), one.exp())  # and a warning would be an error
    with pytest.raises(RuntimeError, match="size"):  # its own errors are its own
        compiling.run_compiled(torch.add, one, torch.ones(2))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler is here")
@pytest.mark.parametrize("mixings", [("add", "multiply"), MIXINGS])
def test_compiled_is_as_it_is(mixings, photographs, array_pool, monkeypatch):
    """And compiled once for batches, and groups in them, of any size."""
    pool, chosen = array_pool(), PixMixSettings(mixings=mixings)
    mixing = torch.from_numpy(pool.images)
    torch._dynamo.reset()
    for count in (40, 64, 33):
        images = torch.from_numpy(photographs(count, 32, 32))
        draws = draw(chosen, Key(count), np.arange(count), pool)
        expected = mix_tensors(images, mixing, draws)
        with monkeypatch.context() as patch, torch._dynamo.config.patch(error_on_recompile=count != 40):
            patch.setattr(compiling, "compiles", lambda function, first: True)
            patch.setattr(compiling, "_FAILED", set())
            got = mix_tensors(images, mixing, draws)
            assert not compiling._FAILED
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-5)
        assert got.stride() == expected.stride()
    assert compiled(mix_rounds, False) is not mix_rounds and compiled(interpolate, True) is not interpolate


@pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_GPU)
def test_ops_are_pillows_on_a_gpu():
    for size in ((32, 32), (33, 47), (224, 224)):
        batch = every_op(size, LEVELS if size[0] < 200 else (3.0,))
        distance = np.abs(ours(*batch, device="cuda").astype(int) - pillows(*batch))
        assert distance.max() <= 1 and np.mean(distance > 0) <= 1e-3


@pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_GPU)
@pytest.mark.parametrize("whole", [True, False])
def test_a_gpu_is_not_waited_for_and_is_close_to_pillow(whole, photographs, array_pool):
    pool = array_pool()
    for chosen in (PixMixSettings(), PixMixSettings(mixings=MIXINGS, aug_severity=10.0)):
        images = torch.from_numpy(photographs(400, 32, 32)).cuda()
        draws = draw(chosen, Key(0), np.arange(400), pool)
        resident = Resident(pool.images, "cuda", whole=whole)
        mix_tensors(images, resident, draws)  # makes the constants and compiles
        torch.cuda.set_sync_debug_mode("error")
        try:
            got = mix_tensors(images, resident, draws)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        share, _ = share_off(got.cpu().numpy(), pillow_engine.mix(images.cpu().numpy(), pool.images, draws))
        assert share <= 1e-4
