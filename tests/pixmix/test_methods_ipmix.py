"""IPMix: numbers of the original's code, images beside a plain form of it, the draws' distributions, and laws."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageOps
from pixmix_samples import ArrayPool

from mixset._common.errors import InputError
from pixmix._augment.draws import PoolLike
from pixmix._common import philox
from pixmix._common.philox import Key
from pixmix._engines import ops as engine
from pixmix._engines.pillow import OP_FUNCTIONS
from pixmix.methods import MethodSettings, make_method
from pixmix.methods._base import Method
from pixmix.methods._ipmix import IPMix
from pixmix.methods._ipmix_draws import (
    ADD,
    AUTOCONTRAST,
    ELEMENTS,
    INVERT,
    MIRROR,
    MIXINGS,
    MULTIPLY,
    OPS,
    PIXELS,
    IPMixDraws,
    draw,
)
from pixmix.methods._ipmix_kernels import do_op, mix_patch
from pixmix.methods._settings import IPMixSettings

ORIGINALS = json.loads((Path(__file__).parent / "ipmix_originals.json").read_text())
Y, X, C = np.ogrid[:4, :4, :3]
A = ((37 * Y + 59 * X + 83 * C + 11 * X * Y) % 256).astype(np.uint8)
B = ((200 + 101 * Y + 29 * X + 53 * C + 17 * (Y + 1) * (X + 2)) % 256).astype(np.uint8)
BOX = np.array([0, 1, 3, 4])
"""Top, left, bottom and right of the patch of all the numbers."""

IMAGENET = IPMixSettings(severity=1.0, beta=4.0, partner="both")
CASES = {
    "the original's for CIFAR": IPMixSettings(),
    "the original's for ImageNet": IMAGENET,
    "as published": IPMixSettings(wrap=True),
    "all ops, strong": IPMixSettings(all_ops=True, severity=10.0, partner="both"),
    "wide and deep": IPMixSettings(width=5, depth=5),
    "small patches": IPMixSettings(patches=(2, 3)),
}


def patched(case: dict[str, Any], mixing: int, *, wrap: bool, words: np.ndarray | None = None) -> np.ndarray:
    image, other = (np.ascontiguousarray(each.transpose(2, 0, 1)) for each in (A, B))
    a, b = np.float32(case.get("a", 0)), np.float32(case.get("b", 0))
    limit = int(case.get("threshold", 0) * 2**32)
    words = np.zeros(48, np.uint32) if words is None else words
    mix_patch(image, other, BOX, np.int8(mixing), a, b, limit, words, wrap)
    return image.transpose(1, 2, 0)


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("name", [name for name in ORIGINALS if name.startswith(("patch_add", "patch_multiply"))])
def test_added_and_multiplied_patches_are_the_originals(name: str, wrap: bool) -> None:
    case, mixing = ORIGINALS[name], MIXINGS.index(name.split("_")[1])
    made = patched(case, mixing, wrap=wrap)
    apart = np.abs(made.astype(int) - case["out_wrapping" if wrap else "out_clipped"])
    assert apart.max() <= 1  # truncation turns on a float's last bit
    assert (apart > 0).sum() <= 1


@pytest.mark.parametrize("mixing", [PIXELS, ELEMENTS])
def test_masked_patches_are_the_originals(mixing: int) -> None:
    case = ORIGINALS[f"patch_{MIXINGS[mixing]}"]
    words = np.zeros((3, 4, 4), np.uint32)
    uniforms = np.array(case["uniforms_hw"] if mixing == PIXELS else case["uniforms_chw"])
    words[: 1 if mixing == PIXELS else 3, :3, 1:] = uniforms * 2**32
    for wrap in (False, True):
        np.testing.assert_array_equal(patched(case, mixing, wrap=wrap, words=words.reshape(-1)), case["out"])


def example_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """The draws of the original's whole example: mirror and invert; a patch; nothing."""
    made = draw(IPMixSettings(depth=2), Key(0), np.arange(1), pool_of(B), (4, 4))
    made.share[:], made.weights[:] = 0.4, [0.5, 0.3, 0.2]
    made.patch[:], made.steps[:] = [False, True, False], [2, 1, 0]
    made.op[0, :2] = [[MIRROR, INVERT], [-1, -1]]
    made.box[0, 1, 0], made.mixing[0, 1, 0], made.a[0, 1, 0], made.b[0, 1, 0] = BOX, ADD, 0.8, 0.3
    monkeypatch.setattr("pixmix.methods._ipmix.draw", lambda *arguments: made)


def pool_of(*images: np.ndarray) -> Any:
    count, size = len(images), images[0].shape[:2]
    return SimpleNamespace(images=np.stack(images), size=size, counts=(count,), weights=(1.0,))


def test_the_whole_is_the_originals(monkeypatch: pytest.MonkeyPatch) -> None:
    example_draws(monkeypatch)
    made = IPMix(IPMixSettings(), pool_of(B)).augment_array(A[None], Key(0), np.arange(1))
    np.testing.assert_allclose(2 * made[0] - 1, ORIGINALS["chain"]["out_chw"], atol=1e-5)


def plain_op(image: Image.Image, op: int, level: float, sign: int) -> Image.Image:
    """One op by Pillow."""
    if op == MIRROR:
        return ImageOps.mirror(image)
    if op == INVERT:
        return ImageOps.invert(image)
    if op == AUTOCONTRAST:
        return ImageOps.autocontrast(image, cutoff=10 - level)
    return OP_FUNCTIONS[OPS[op]](image, float(level), int(sign))


@pytest.mark.parametrize("op", range(len(OPS)), ids=OPS)
def test_ops_are_pillows(op: int, photographs: Callable[..., np.ndarray]) -> None:
    random = np.random.default_rng(op)
    dots = np.eye(24, dtype=np.uint8)[:17, :, None] * A[0, 1]
    for image in [*photographs(20, 17, 24), np.full((17, 24, 3), 7, np.uint8), dots]:
        level, sign = random.uniform(0.1, 10), random.choice([-1, 1])
        made = np.empty((3, 17, 24), np.uint8)
        do_op(np.ascontiguousarray(image.transpose(2, 0, 1)), np.int8(op), level, np.int8(sign), made)
        np.testing.assert_array_equal(made.transpose(1, 2, 0), plain_op(Image.fromarray(image), op, level, sign))


def test_autocontrast_cuts_off_as_the_original() -> None:
    """Eight rows of its first channel's numbers, by cutoffs of 9.5 and 7.1 %."""
    y, x = np.ogrid[:8, :8]
    image = np.repeat(((37 * y + 59 * x + 11 * x * y) % 256).astype(np.uint8)[None], 3, axis=0)
    for level, row in ((0.5, [0, 28, 103, 179, 255, 2, 78, 153]), (2.9, [0, 45, 112, 179, 247, 22, 89, 157])):
        made = np.empty_like(image)
        do_op(image, np.int8(AUTOCONTRAST), level, np.int8(1), made)
        assert made[0, 0].tolist() == row


def plain_patch(
    image: np.ndarray, other: np.ndarray, draws: IPMixDraws, where: tuple[int, int, int], words: np.ndarray, wrap: bool
) -> np.ndarray:
    """A patch by the formulas, in float64; image and other are (H, W, 3)."""
    top, left, bottom, right = draws.box[where]
    x, y = (each[top:bottom, left:right] / 255 for each in (image, other))
    mixing, a, b = MIXINGS[draws.mixing[where]], float(draws.a[where]), float(draws.b[where])
    if mixing in ("pixels", "elements"):
        words = words.reshape(3, *image.shape[:2])[:, top:bottom, left:right].transpose(1, 2, 0)
        keep = (words if mixing == "elements" else words[..., :1]) < draws.limit[where]
        patch = np.where(keep, x, y) * 255
    elif mixing == "add":
        patch = (a * (2 * x - 1) + b * (2 * y - 1) + 1) / 2 * 255
    else:
        patch = (2 * x) ** a * np.maximum(2 * y, 1e-37) ** b / 2 * 255
    result = image.copy()
    patch = np.trunc(np.round(patch, 3))
    result[top:bottom, left:right] = np.mod(patch, 256) if wrap else np.clip(patch, 0, 255)
    return result


def plain_ipmix(
    chosen: IPMixSettings, pool: PoolLike, image: np.ndarray, draws: IPMixDraws, n: int, key: Key, index: int
) -> np.ndarray:
    """(H, W, 3) float64."""
    height, width = image.shape[:2]
    crop = pool.images[draws.image[n], draws.top[n] :, draws.left[n] :][:height, :width]
    mixture = np.zeros(image.shape)
    for w in range(chosen.width):
        chain = image
        for d in range(draws.steps[n, w]):
            op, level, sign = draws.op[n, w, d], draws.level[n, w, d], draws.sign[n, w, d]
            source = Image.fromarray(image if draws.patch[n, w] else chain)
            done = np.asarray(plain_op(source, op, level, sign)) if op >= 0 else crop
            first = 4 * ((w * 16 + d) << 24)
            words = philox.words(key, np.array([index]), philox.IPMIX_MASKS, image.size, first=first)
            chain = plain_patch(chain, done, draws, (n, w, d), words, chosen.wrap) if draws.patch[n, w] else done
        mixture += draws.weights[n, w] * (chain / 255.0)
    return (1 - draws.share[n]) * (image / 255) + draws.share[n] * mixture


@pytest.mark.parametrize("size", [(32, 32), (17, 24)])
@pytest.mark.parametrize("case", CASES)
def test_images_are_those_of_the_plain_form(
    case: str, size: tuple[int, int], photographs: Callable[..., np.ndarray], array_pool: Callable[..., ArrayPool]
) -> None:
    count, key, pool = 40, Key(2**63 + 5, 3).of_copy(1), array_pool(size)
    images, indices = photographs(count, *size), np.arange(count) * 11 + 2**31
    made = IPMix(CASES[case], pool).augment_array(images, key, indices)
    assert made.dtype == np.float32 and made.shape == (count, 3, *size)
    assert made.min() >= 0 and made.max() <= 1
    draws = draw(CASES[case], key, indices, pool, size)
    expected = [plain_ipmix(CASES[case], pool, images[n], draws, n, key, indices[n]) for n in range(count)]
    apart = np.abs(made - np.stack(expected).transpose(0, 3, 1, 2)) * 255
    assert np.mean(apart > 1e-3) < 2e-3  # a float's last bit, truncated, and what later steps make of it
    assert np.mean(apart > 1.001) < 2e-4


def test_is_a_function_of_seed_epoch_and_index(
    photographs: Callable[..., np.ndarray], array_pool: Callable[..., ArrayPool]
) -> None:
    images, indices, method = photographs(60, 32, 32), np.arange(60) + 7, IPMix(IMAGENET, array_pool((32, 32)))
    method = pickle.loads(pickle.dumps(method))
    made = method.augment_array(images, Key(1, 2), indices)
    order = np.random.default_rng(0).permutation(60)[:25]
    np.testing.assert_array_equal(method.augment_array(images[order], Key(1, 2), indices[order]), made[order])
    for other in (Key(1, 3), Key(2, 2), Key(1, 2).of_copy(1)):
        assert not np.array_equal(method.augment_array(images, other, indices), made)
    assert not np.array_equal(method.augment_array(images, Key(1, 2), indices + 1)[:-1], made[1:])


def test_any_number_of_threads_makes_the_same(
    photographs: Callable[..., np.ndarray], array_pool: Callable[..., ArrayPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    images, method, made = photographs(150, 32, 32), IPMix(IPMixSettings(), array_pool((32, 32))), []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        made.append(method.augment_array(images, Key(1), np.arange(150)))
    np.testing.assert_array_equal(*made)


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 2**64 - 1),
    epoch=st.integers(0, 2**32 - 1),
    beta=st.floats(0.01, 1000),
    severity=st.floats(0.1, 10),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    wrap=st.booleans(),
)
def test_any_settings_give_images(
    seed: int, epoch: int, beta: float, severity: float, size: tuple[int, int], wrap: bool
) -> None:
    chosen = IPMixSettings(beta=beta, severity=severity, all_ops=True, partner="both", wrap=wrap)
    ramp = np.arange(20 * 9 * 9 * 3, dtype=np.uint8).reshape(20, 9, 9, 3)[:, : size[0], : size[1]]
    method = IPMix(chosen, pool_of(*ramp[:3]))
    made = method.augment_array(ramp, Key(seed, epoch), np.arange(20))
    assert np.isfinite(made).all()
    assert made.min() >= 0 and made.max() <= 1


def test_the_method_has_its_settings_and_its_pool(
    array_pool: Callable[..., ArrayPool], photographs: Callable[..., np.ndarray]
) -> None:
    def make(**options: Any) -> Method:
        half = (0.5,) * 3
        chosen = MethodSettings(ipmix=IPMixSettings(wrap=True))
        return make_method("ipmix", classes=10, size=(32, 32), mean=half, std=half, settings=chosen, **options)

    made = make(pool=array_pool((32, 32)))
    assert isinstance(made, IPMix)
    assert (made.name, made.views, made.in_loader, made.settings.wrap) == ("ipmix", 1, True, True)
    with pytest.raises(InputError, match="ipmix needs a mixing set"):
        make()
    with pytest.raises(InputError, match="is opened for images of 32×32 pixels, got 16×32"):
        made.augment_array(photographs(2, 16, 32), Key(0), np.arange(2))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    """The form for a GPU, on the CPU: ops are those of arrays, all else is its own."""

    def augment(images: torch.Tensor, op: np.ndarray, level: np.ndarray, sign: np.ndarray) -> torch.Tensor:
        done = images.clone()
        for n in range(len(images)):
            if op[n] >= 0:
                planes = np.ascontiguousarray(images[n].permute(2, 0, 1))
                made = np.empty_like(planes)
                engine.augment(planes, op[n], level[n], sign[n], made)
                done[n] = torch.from_numpy(made).permute(1, 2, 0)
        return done

    monkeypatch.setattr("pixmix.methods._ipmix.serves", lambda device: True)
    monkeypatch.setattr("pixmix.methods._ipmix_tensors.augment", augment)


@pytest.mark.parametrize("size", [(32, 32), (17, 24)])
@pytest.mark.parametrize("case", CASES)
def test_tensors_are_the_arrays(
    case: str,
    size: tuple[int, int],
    photographs: Callable[..., np.ndarray],
    array_pool: Callable[..., ArrayPool],
    served: None,
) -> None:
    count, key, method = 60, Key(2**64 - 5, 2**32 - 1), IPMix(CASES[case], array_pool(size))
    images, indices = photographs(count, *size), np.arange(count) * 11 + 2**31
    tensor = torch.from_numpy(images.copy())
    made = method.augment_tensor(tensor, key, indices)
    expected = method.augment_array(images, key, indices)
    assert made.shape == expected.shape and made.dtype == torch.float32
    assert made.is_contiguous(memory_format=torch.channels_last)
    apart = np.abs(made.numpy() - expected) * 255
    assert apart.max() <= 1e-3
    np.testing.assert_array_equal(tensor.numpy(), images)


def test_tensors_are_the_same_in_parts(
    photographs: Callable[..., np.ndarray],
    array_pool: Callable[..., ArrayPool],
    monkeypatch: pytest.MonkeyPatch,
    served: None,
) -> None:
    images, method = torch.from_numpy(photographs(20, 16, 16)), IPMix(IMAGENET, array_pool((16, 16)))
    whole = method.augment_tensor(images, Key(1), np.arange(20))
    monkeypatch.setattr("pixmix.methods._ipmix._BYTES", 7 * 3 * 16 * 16 * 3)
    torch.testing.assert_close(method.augment_tensor(images, Key(1), np.arange(20)), whole, atol=1e-6, rtol=0)
    assert method.augment_tensor(images[:0], Key(1), np.arange(0)).shape == (0, 3, 16, 16)


@pytest.mark.parametrize("wrap", [False, True])
def test_values_far_beyond_white_are_white_or_wrap_to_black(wrap: bool) -> None:
    """Black to a power near −1 is 1e37 and more, whose remainder by 256 is 0."""
    image, other, box = np.full((3, 2, 2), 255, np.uint8), np.zeros((3, 2, 2), np.uint8), np.array([0, 0, 2, 2])
    mix_patch(image, other, box, np.int8(MULTIPLY), np.float32(2), np.float32(-1), 0, np.zeros(12, np.uint32), wrap)
    np.testing.assert_array_equal(image, 0 if wrap else 255)
