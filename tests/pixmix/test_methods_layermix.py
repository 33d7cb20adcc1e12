"""LayerMix: torchvision's ops, images beside a plain form made of them, the draws' distributions, and laws."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from pixmix_samples import ArrayPool
from scipy import stats
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from mixset._common.errors import InputError
from pixmix._augment.draws import PoolLike
from pixmix._common import philox
from pixmix._common.philox import Key
from pixmix.methods._layermix import LayerMix
from pixmix.methods._layermix_draws import OPS, LayerMixDraws, draw
from pixmix.methods._layermix_ops import do_op
from pixmix.methods._settings import LayerMixSettings

PUBLISHED = LayerMixSettings(ops="published")
BILINEAR = InterpolationMode.BILINEAR
Y, X, C = np.ogrid[:32, :32, :3]
A = ((37 * Y + 59 * X + 83 * C + 11 * X * Y) % 256).astype(np.uint8)
"""The image of the original's measured numbers, 32 × 32."""


def affine(image: Tensor, *, move: tuple[float, float] = (0, 0), slope: tuple[float, float] = (0, 0)) -> Tensor:
    shear = [math.degrees(math.atan(each)) for each in slope]
    return functional.affine(image, 0, list(move), 1, shear, interpolation=BILINEAR)


PLAIN: dict[str, Callable[[Tensor, float], Tensor]] = {
    "equalize": lambda image, strength: functional.equalize(image),
    "posterize": lambda image, strength: functional.posterize(image, int(strength)),
    "posterize_increasing": lambda image, strength: functional.posterize(image, int(strength)),
    "solarize": functional.solarize,
    "solarize_increasing": functional.solarize,
    "autocontrast": lambda image, strength: functional.autocontrast(image),
    "greyscale": lambda image, strength: functional.rgb_to_grayscale(image, 3),
    "rotate": lambda image, strength: functional.rotate(image, strength, interpolation=BILINEAR),
    "shear_x": lambda image, strength: affine(image, slope=(strength, 0)),
    "shear_y": lambda image, strength: affine(image, slope=(0, strength)),
    "translate_x": lambda image, strength: affine(image, move=(strength, 0)),
    "translate_y": lambda image, strength: affine(image, move=(0, strength)),
}
"""Each op as torchvision has it, for float tensors (3, H, W)."""


@pytest.mark.parametrize("size", [(32, 32), (17, 24)])
@pytest.mark.parametrize("op", range(len(OPS)), ids=OPS)
def test_ops_are_torchvisions(op: int, size: tuple[int, int], photographs: Callable[..., np.ndarray]) -> None:
    random = np.random.default_rng(op)
    bytes_ = np.concatenate([photographs(12, *size), np.full((1, *size, 3), 7, np.uint8)])
    images = bytes_.transpose(0, 3, 1, 2) / np.float32(255)
    images = np.concatenate([images, random.random((4, 3, *size), np.float32)])
    for image in images:
        strength = {"posterize": random.integers(0, 3), "posterize_increasing": random.integers(3, 5)}.get(
            OPS[op], random.uniform(-9, 9) if OPS[op] == "rotate" else random.uniform(-0.3, 0.3)
        )
        made = np.empty_like(image)
        do_op(image, np.int8(op), float(strength), made)  # draws' types: no others are compiled
        expected = PLAIN[OPS[op]](torch.from_numpy(image), float(strength)).numpy()
        np.testing.assert_allclose(made, expected, atol=2e-5)


def plain_mixing(
    x: np.ndarray, y: np.ndarray, draws: LayerMixDraws, n: int, layer: int, words: np.ndarray
) -> np.ndarray:
    """A mixing by the formulas, in float64, of (3, H, W)."""
    a, b = float(draws.a[n, layer]), float(draws.b[n, layer])
    name = ("add", "multiply", "pixels", "elements")[draws.mixing[n, layer]]
    if name == "add":
        return np.clip((a * (2 * x - 1) + b * (2 * y - 1) + 1) / 2, 0, 1)
    if name == "multiply":
        return np.clip((2 * x) ** a * np.maximum(2 * y, 1e-37) ** b / 2, 0, 1)
    words = words.reshape(x.shape)[: 1 if name == "pixels" else 3]
    return np.where(words < draws.limit[n, layer], x, y)


def plain_layermix(
    image: np.ndarray, other: Image.Image, draws: LayerMixDraws, n: int, key: Key, index: int
) -> np.ndarray:
    """(3, H, W); the mixing image is as it is mixed in."""

    def op(values: np.ndarray, time: int) -> np.ndarray:
        name = OPS[draws.op[n]]
        return PLAIN[name](torch.from_numpy(values.astype(np.float32)), draws.strength[n, time]).double().numpy()

    clean, mixing = (np.asarray(each).transpose(2, 0, 1) / 255 for each in (image, other))
    result = op(clean, 0)
    for layer in range(draws.layers[n]):
        words = philox.words(key, np.array([index]), philox.LAYERMIX_MASKS, image.size, first=4 * (layer << 24))
        result = plain_mixing(result, mixing if layer else op(clean, 1), draws, n, layer, words)
    return op(result, 2) if draws.layers[n] == 2 else result


def mixing_image(pool: PoolLike, draws: LayerMixDraws, n: int, *, grey: bool) -> Image.Image:
    height, width = pool.size
    crop = pool.images[draws.image[n], draws.top[n] :, draws.left[n] :][:height, :width]
    image = Image.fromarray(np.ascontiguousarray(crop))
    if not grey:
        return image
    image = image.convert("L").convert("RGB")
    image = ImageOps.mirror(image) if draws.flips[n, 0] else image
    return ImageOps.flip(image) if draws.flips[n, 1] else image


@pytest.mark.parametrize("size", [(32, 32), (17, 24)])
@pytest.mark.parametrize("chosen", [LayerMixSettings(), PUBLISHED, LayerMixSettings(grey=True, beta=1.0)])
def test_images_are_those_of_the_plain_form(
    chosen: LayerMixSettings,
    size: tuple[int, int],
    photographs: Callable[..., np.ndarray],
    array_pool: Callable[..., ArrayPool],
) -> None:
    count, key, pool = 200, Key(2**63 + 5, 3).of_copy(1), array_pool(size)
    images, indices = photographs(count, *size), np.arange(count) * 11 + 2**31
    made = LayerMix(chosen, pool).augment_array(images, key, indices)
    assert made.dtype == np.float32 and made.shape == (count, 3, *size)
    assert made.min() >= 0 and made.max() <= 1 + 1e-6
    draws = draw(chosen, key, indices, pool, size)
    others = [mixing_image(pool, draws, n, grey=chosen.grey) for n in range(count)]
    expected = [plain_layermix(images[n], others[n], draws, n, key, indices[n]) for n in range(count)]
    apart = np.abs(made - np.stack(expected))
    # Ops with steps turn a float's last bit into a step, in few of the values.
    assert np.mean(apart > 1e-4) < 2e-3
    continuous = np.isin(draws.op, [OPS.index(name) for name in ("autocontrast", "greyscale", "rotate", "shear_x")])
    assert apart[continuous].max() < 2e-3


def drawn(
    count: int, pool: Any, chosen: LayerMixSettings = PUBLISHED, size: tuple[int, int] = (32, 32)
) -> LayerMixDraws:
    return draw(chosen, Key(1), np.arange(count), pool, size)


def test_layers_ops_and_mixings_have_the_published_shares(array_pool: Callable[..., ArrayPool]) -> None:
    draws = drawn(20_000, array_pool())
    for values, shares in (
        (draws.layers, [1 / 3] * 3),
        (draws.op, [1 / 12] * 12),
        (draws.mixing[:, 0], [1 / 3, 1 / 3, 1 / 6, 1 / 6]),
        (draws.mixing[:, 1], [1 / 3, 1 / 3, 1 / 6, 1 / 6]),
    ):
        counts = np.bincount(values, minlength=len(shares))
        assert stats.chisquare(counts, np.array(shares) * len(values)).pvalue > 1e-3
    assert stats.kstest(draws.limit.ravel() / 2**32, "uniform").pvalue > 1e-3
    for one, two in ((draws.op, draws.layers), (draws.mixing[:, 0], draws.mixing[:, 1])):
        together = np.zeros((one.max() + 1, two.max() + 1))
        np.add.at(together, (one, two), 1)
        assert stats.chi2_contingency(together).pvalue > 1e-3


def test_strengths_have_the_published_ranges(array_pool: Callable[..., ArrayPool]) -> None:
    draws = drawn(40_000, array_pool((20, 40)), size=(20, 40))

    def of(name: str) -> np.ndarray:
        return draws.strength[draws.op == OPS.index(name)]

    for name, low, high in (("solarize", 0.1, 0.3), ("solarize_increasing", -0.2, 0.1)):
        assert stats.kstest(of(name).ravel(), "uniform", (low, high - low)).pvalue > 1e-3
    for name, low, high in (
        ("rotate", 0.1, 9),
        ("shear_x", 0.09, 0.1),
        ("shear_y", 0.09, 0.1),
        ("translate_x", 0.1, 3.9),
        ("translate_y", 0.1, 1.8),
    ):
        assert stats.kstest(np.abs(of(name)).ravel(), "uniform", (low, high - low)).pvalue > 1e-3
        assert abs(np.mean(of(name) < 0) - 0.5) < 0.02
    assert set(of("posterize_increasing").ravel()) == {3, 4}
    for name in ("equalize", "autocontrast", "greyscale"):
        assert not of(name).any()
    assert abs(np.corrcoef(of("rotate")[:, 0], of("rotate")[:, 1])[0, 1]) < 0.05


def test_weights_are_pixmixs(array_pool: Callable[..., ArrayPool]) -> None:
    draws = drawn(20_000, array_pool(), LayerMixSettings(beta=2.0))
    a, b = draws.a[:, 1], draws.b[:, 1]
    inside = b >= 0
    assert abs(inside.mean() - 0.5) < 0.02
    for values, parameters in (
        (a[inside], (2, 1)),
        (b[inside], (1, 2)),
        (a[~inside] - 1, (1, 2)),
        (-b[~inside], (1, 2)),
    ):
        assert stats.kstest(values, "beta", parameters).pvalue > 1e-3


def test_posterize_blackens_as_published_and_not_by_default(array_pool: Callable[..., ArrayPool]) -> None:
    """Published, it keeps no bit in 82 % of its draws: 7.4 % of 2,000 results of the original's were constant."""
    pool, indices = array_pool(), np.arange(4000)
    constant = {}
    for ops in ("published", "corrected"):
        chosen = LayerMixSettings(ops=ops)
        draws = drawn(40_000, pool, chosen)
        bits = draws.strength[draws.op == OPS.index("posterize")]
        assert set(bits.ravel()) == ({0, 1} if ops == "published" else {1})
        if ops == "published":
            assert abs(np.mean(bits == 0) - 0.9 / 1.1) < 0.01
        made = LayerMix(chosen, pool).augment_array(np.repeat(A[None], len(indices), 0), Key(2), indices)
        constant[ops] = np.mean(made.max(axis=(1, 2, 3)) - made.min(axis=(1, 2, 3)) == 0)
    assert 0.06 < constant["published"] < 0.09
    assert constant["corrected"] < 0.01


def test_copies_share_the_mixing_image_and_its_flips(array_pool: Callable[..., ArrayPool]) -> None:
    pool, key, indices = array_pool(), Key(3, 1), np.arange(500)
    chosen = LayerMixSettings(grey=True)
    one, two = (draw(chosen, key.of_copy(copy), indices, pool, (32, 32)) for copy in (0, 1))
    for name in ("image", "top", "left", "flips"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    for name in ("layers", "op", "strength", "mixing", "a", "limit"):
        assert not np.array_equal(getattr(one, name), getattr(two, name))
    counts = np.bincount(one.flips @ [1, 2], minlength=4)
    assert stats.chisquare(counts).pvalue > 1e-3
    assert not draw(LayerMixSettings(), key, indices, pool, (32, 32)).flips.any()


def test_a_pool_of_another_size_is_refused(array_pool: Callable[..., ArrayPool]) -> None:
    method = LayerMix(LayerMixSettings(), array_pool((24, 24)))
    with pytest.raises(InputError, match="mixing set: is opened for images of 24×24 pixels, got 32×32"):
        method.augment_array(A[None], Key(0), np.arange(1))
