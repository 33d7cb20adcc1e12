"""The pillow engine against a plain restatement of the paper's algorithm, and the other engines against both."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from pixmix_samples import ArrayPool

from mixset._common.errors import InputError
from pixmix._augment.draws import Draws, Key, draw
from pixmix._augment.settings import IMAGENET, MIXINGS, OPS, PixMixSettings
from pixmix._engines import ENGINES, find_engine, numba as numba_engine, pillow as pillow_engine


def paper_op(name: str, image: Image.Image, level: float, sign: int) -> Image.Image:
    """One base augmentation as the paper's code describes it, on a PIL image."""
    width, height = image.size
    bilinear = Image.Resampling.BILINEAR

    def affine(*numbers: float) -> Image.Image:
        return image.transform((width, height), Image.Transform.AFFINE, numbers, resample=bilinear)

    if name == "autocontrast":
        return ImageOps.autocontrast(image)
    if name == "equalize":
        return ImageOps.equalize(image)
    if name == "posterize":
        return ImageOps.posterize(image, 4 - int(level * 4 / 10))
    if name == "rotate":
        degrees = int(level * 30 / 10)
        return image.rotate(degrees if sign > 0 else -degrees, resample=bilinear)
    if name == "solarize":
        return ImageOps.solarize(image, 256 - int(level * 256 / 10))
    if name.startswith("shear"):
        amount = float(level) * 0.3 / 10
        amount = amount if sign > 0 else -amount
        return affine(1, amount, 0, 0, 1, 0) if name == "shear_x" else affine(1, 0, 0, amount, 1, 0)
    if name == "translate_x":
        pixels = int(level * (width / 3) / 10)
        return affine(1, 0, pixels if sign > 0 else -pixels, 0, 1, 0)
    if name == "translate_y":
        pixels = int(level * (height / 3) / 10)
        return affine(1, 0, 0, 0, 1, pixels if sign > 0 else -pixels)
    enhancer = {
        "color": ImageEnhance.Color,
        "contrast": ImageEnhance.Contrast,
        "brightness": ImageEnhance.Brightness,
        "sharpness": ImageEnhance.Sharpness,
    }[name]
    return enhancer(image).enhance(float(level) * 1.8 / 10 + 0.1)


def paper_multiply(x1: torch.Tensor, x2: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (2 * x1) ** a * torch.clip(2 * x2, min=1e-37) ** b / 2


def paper_mixing(
    name: str,
    x1: torch.Tensor,
    x2: torch.Tensor,
    a: torch.Tensor,
    b: torch.Tensor,
    a2: torch.Tensor,
    b2: torch.Tensor,
    coin: bool,
    channel: int,
) -> torch.Tensor:
    if name == "add":
        return (a * (x1 * 2 - 1) + b * (x2 * 2 - 1) + 1) / 2
    if name == "multiply":
        return paper_multiply(x1, x2, a, b)
    if name == "screen":
        return 1 - paper_multiply(1 - x1, 1 - x2, a, b)
    if name == "overlay":
        chosen = x1 < 0.5 if coin else x1 > 0.5
        return torch.where(chosen, paper_multiply(x1, x2, a, b), 1 - paper_multiply(1 - x1, 1 - x2, a2, b2))
    if name == "darken_or_lighten":
        return torch.where(x1 < x2, x1, x2) if coin else torch.where(x1 > x2, x1, x2)
    swapped = x1.clone()
    swapped[channel] = x2[channel]
    return swapped


def paper_pixmix(image: np.ndarray, mixing_image: np.ndarray, draws: Draws, n: int) -> np.ndarray:
    """The paper's PixMix of one image, in torch float32, fed with our draws."""
    orig = Image.fromarray(image)

    def tensor(pil: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.array(pil)).permute(2, 0, 1).float() / 255

    def augmented(op: int, level: float, sign: int) -> torch.Tensor:
        return tensor(paper_op(OPS[op], orig, level, sign))

    if draws.start_op[n] >= 0:
        mixed = augmented(draws.start_op[n], draws.start_level[n].item(), draws.start_sign[n])
    else:
        mixed = tensor(orig)
    for r in range(draws.rounds[n]):
        if draws.op[n, r] >= 0:
            other = augmented(draws.op[n, r], draws.level[n, r].item(), draws.sign[n, r])
        else:
            other = tensor(mixing_image)
        weights = (torch.tensor(float(w[n, r])) for w in (draws.a, draws.b, draws.a2, draws.b2))
        name = MIXINGS[draws.mixing[n, r]]
        mixed = paper_mixing(name, mixed, other, *weights, bool(draws.coin[n, r]), int(draws.channel[n, r]))
        mixed = torch.clip(mixed, 0, 1)
    return mixed.numpy()


def paper_batch(images: np.ndarray, pool: ArrayPool, draws: Draws) -> np.ndarray:
    height, width = images.shape[1:3]
    return np.stack(
        [
            paper_pixmix(
                image,
                pool.images[draws.image[n]][
                    draws.top[n] : draws.top[n] + height, draws.left[n] : draws.left[n] + width
                ],
                draws,
                n,
            )
            for n, image in enumerate(images)
        ]
    )


Case = tuple[PixMixSettings, np.ndarray, ArrayPool, Draws]

CASES = {
    "cifar": (PixMixSettings(), (32, 32), 400),
    "imagenet": (IMAGENET, (224, 224), 12),
    "nine ops": (PixMixSettings(all_ops=False, k=2), (32, 32), 100),
    "experimental": (PixMixSettings(mixings=MIXINGS, k=5), (32, 32), 400),
    "not square": (PixMixSettings(mixings=MIXINGS, aug_severity=10.0), (33, 47), 200),
    "tiny": (PixMixSettings(aug_severity=6.0), (8, 9), 200),
    "mix input": (PixMixSettings(partner="input"), (32, 32), 100),
    "mix aug": (PixMixSettings(partner="mixing_set", beta=1.0), (32, 32), 100),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys(), scope="module")
def case(
    request: pytest.FixtureRequest, photographs: Callable[..., np.ndarray], array_pool: Callable[..., ArrayPool]
) -> Case:
    chosen, size, count = request.param
    pool = array_pool(size, counts=(6, 3))
    images = photographs(count, *size, seed=4)
    images[0], images[1], images[2] = 0, 255, np.eye(3, dtype=np.uint8)[0] * 255
    draws = draw(chosen, Key(seed=11, epoch=2), np.arange(count), pool)
    return chosen, images, pool, draws


def outliers(one: np.ndarray, two: np.ndarray) -> tuple[float, float]:
    """The share of values more than 1/255 apart, and the largest distance."""
    distance = np.abs(one - two)
    return np.mean(distance > 1 / 255), distance.max()


def test_pillow_is_the_papers_pixmix(case: Case) -> None:
    _, images, pool, draws = case
    got = pillow_engine.mix(images, pool.images, draws)
    expected = paper_batch(images, pool, draws)
    assert got.dtype == np.float32 and got.shape == expected.shape
    # torch's and NumPy's float32 powers differ in their last bits; near black that is all that is left.
    assert outliers(got, expected)[0] <= 1e-5
    assert np.mean(np.abs(got - expected) > 1e-5) < 1e-4


@pytest.mark.parametrize(("engine", "most"), [("numba", 1e-5), ("torch", 1e-4)])
def test_the_others_are_close_to_pillow(engine: str, most: float, case: Case) -> None:
    _, images, pool, draws = case
    expected = pillow_engine.mix(images, pool.images, draws)
    got = find_engine(engine)(images, pool.images, draws)
    assert got.dtype == np.float32 and got.shape == expected.shape and got.flags.c_contiguous
    assert np.isfinite(got).all() and got.min() >= 0 and got.max() <= 1
    share, largest = outliers(got, expected)
    assert share <= most, f"{share:.1e} of the bytes are more than 1/255 apart, at most {largest:.3f}"


@pytest.mark.parametrize("engine", ["numba", "torch"])
def test_the_others_equal_pillow_where_nothing_is_raised_to_a_power(engine: str, case: Case) -> None:
    _, images, pool, draws = case
    drawn = np.arange(draws.op.shape[1]) < draws.rounds[:, None]
    powers = np.isin(draws.mixing, [MIXINGS.index(name) for name in ("multiply", "screen", "overlay")])
    plain = ~(drawn & powers).any(axis=1)
    assert plain.sum() >= 3
    np.testing.assert_array_equal(
        find_engine(engine)(images[plain], pool.images, draws[plain]),
        pillow_engine.mix(images[plain], pool.images, draws[plain]),
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_an_image_is_mixed_the_same_alone_and_in_a_batch(case: Case, engine: str) -> None:
    _, images, pool, draws = case
    mix = find_engine(engine)
    together = mix(images[:8], pool.images, draws[:8])
    for n in range(8):
        alone = mix(images[n : n + 1], pool.images, draws[n : n + 1])
        np.testing.assert_array_equal(alone[0], together[n])


def test_any_number_of_threads_gives_the_same(case: Case) -> None:
    _, images, pool, draws = case
    one = numba_engine.mix(images, pool.images, draws, threads=1)
    for threads in (None, 2, 5):
        np.testing.assert_array_equal(numba_engine.mix(images, pool.images, draws, threads=threads), one)


def _mix_with_threads(arguments: tuple[np.ndarray, np.ndarray, Draws]) -> np.ndarray:
    return numba_engine.mix(*arguments, threads=2)


def test_threads_work_in_a_child_forked_after_they_were_used(
    photographs: Callable[..., np.ndarray], array_pool: Callable[..., ArrayPool]
) -> None:
    chosen, pool, images = PixMixSettings(), array_pool(), photographs(30, 32, 32)
    arguments = images, pool.images, draw(chosen, Key(0), np.arange(30), pool)
    expected = _mix_with_threads(arguments)
    with multiprocessing.get_context("fork").Pool(1) as child:
        np.testing.assert_array_equal(child.apply_async(_mix_with_threads, (arguments,)).get(timeout=60), expected)


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_given_is_changed(
    engine: str, photographs: Callable[..., np.ndarray], array_pool: Callable[..., ArrayPool]
) -> None:
    """The paper's swap_channel writes into its input."""
    chosen = PixMixSettings(mixings=("swap_channel",))
    pool, images = array_pool(), photographs(50, 32, 32)
    before, pool_before = images.copy(), pool.images.copy()
    find_engine(engine)(images, pool.images, draw(chosen, Key(0), np.arange(50), pool))
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(pool.images, pool_before)


@pytest.mark.parametrize("engine", ENGINES)
def test_views_and_memory_maps_are_taken(
    engine: str, photographs: Callable[..., np.ndarray], array_pool: Callable[..., ArrayPool], tmp_path: Path
) -> None:
    chosen, pool = PixMixSettings(), array_pool()
    images = photographs(20, 32, 32)
    draws = draw(chosen, Key(0), np.arange(20), pool)
    expected = find_engine(engine)(images, pool.images, draws)
    np.save(tmp_path / "pool.npy", pool.images)
    mapped = np.load(tmp_path / "pool.npy", mmap_mode="r")
    turned = np.asfortranarray(images)
    np.testing.assert_array_equal(find_engine(engine)(turned, mapped, draws), expected)
    assert turned.flags.writeable


def test_steps_tell_the_way_of_an_image(case: Case) -> None:
    _, images, pool, draws = case
    mixed = pillow_engine.mix(images[:20], pool.images, draws[:20])
    for n in range(len(mixed)):
        steps = list(pillow_engine.steps(images[n], pool.images, draws, n=n))
        assert len(steps) == 1 + draws.rounds[n]
        np.testing.assert_array_equal(steps[-1].result, mixed[n])
        for r, step in enumerate(steps):  # each result stays what it was when the next is made
            cut_short = replace(draws[n : n + 1], rounds=np.array([r], np.int32))
            expected = pillow_engine.mix(images[n : n + 1], pool.images, cut_short)[0]
            np.testing.assert_array_equal(step.result, expected)
        start, *rounds = steps
        assert start.source == "input" and start.mixing is None
        assert start.op == (None if draws.start_op[n] < 0 else OPS[draws.start_op[n]])
        for r, step in enumerate(rounds):
            assert step.mixing == MIXINGS[draws.mixing[n, r]]
            assert (step.a, step.b) == (draws.a[n, r], draws.b[n, r])
            assert step.source == ("mixing image" if draws.op[n, r] < 0 else "input")
            assert step.partner.shape == images.shape[1:] and step.partner.dtype == np.uint8
            if step.op in ("rotate", "shear_x", "shear_y", "translate_x", "translate_y"):
                assert step.level == draws.level[n, r] * draws.sign[n, r]
            elif step.op:
                assert step.level == draws.level[n, r]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"images": np.zeros((4, 32, 32, 3), np.float32)}, "float32"),
        ({"images": np.zeros((4, 3, 32, 32), np.uint8)}, r"shape \(4, 3, 32, 32\)"),
        ({"images": np.zeros((32, 32, 3), np.uint8)}, r"\(N, H, W, 3\)"),
        ({"images": np.zeros((4, 0, 32, 3), np.uint8)}, "without pixels"),
        ({"images": np.zeros((5, 32, 32, 3), np.uint8)}, "4 for 5"),
        ({"images": [[0]]}, "list"),
        ({"images": np.zeros((4, 36, 40, 3), np.uint8)}, "do not fit"),
        ({"mixing_images": np.zeros((2, 36, 36, 3), np.float64)}, "mixing images: .*float64"),
        ({"mixing_images": np.zeros((0, 36, 36, 3), np.uint8)}, "was drawn, but there are 0"),
        ({"mixing_images": None}, "none are given"),
    ],
)
def test_bad_arrays_are_one_line(
    engine: str, change: dict[str, Any], line: str, array_pool: Callable[..., ArrayPool]
) -> None:
    pool, chosen = array_pool(), PixMixSettings(partner="mixing_set")
    indices = np.flatnonzero(draw(chosen, Key(0), np.arange(100), pool).rounds)[:4]
    arguments = {"images": np.zeros((4, 32, 32, 3), np.uint8), "mixing_images": pool.images, **change}
    with pytest.raises(InputError, match=line) as error:
        find_engine(engine)(**arguments, draws=draw(chosen, Key(0), indices, pool))
    assert "\n" not in str(error.value)


def test_an_unknown_engine_gets_the_known_ones() -> None:
    with pytest.raises(InputError, match="numba"):
        find_engine("cuda")


def test_one_kernel_serves_all_kinds_of_arrays(
    photographs: Callable[..., np.ndarray], array_pool: Callable[..., ArrayPool], tmp_path: Path
) -> None:
    """Another layout or a read-only array must not cost a user another ten seconds of compiling."""
    chosen, pool, images = PixMixSettings(mixings=MIXINGS), array_pool(), photographs(40, 32, 32)
    draws = draw(chosen, Key(0), np.arange(40), pool)
    whole = numba_engine.mix(images, pool.images, draws)
    images.flags.writeable = False
    np.testing.assert_array_equal(numba_engine.mix(images[::2], pool.images, draws[::2]), whole[::2])
    np.save(tmp_path / "pool.npy", pool.images)
    mapped = np.load(tmp_path / "pool.npy", mmap_mode="r")
    np.testing.assert_array_equal(numba_engine.mix(images[:1], mapped, draws[:1]), whole[:1])
    none = PixMixSettings(k=0)
    numba_engine.mix(images, None, draw(none, Key(0), np.arange(40), pool))
    assert len(numba_engine._mix_range.signatures) == 1


def test_no_image_is_a_batch_too(array_pool: Callable[..., ArrayPool]) -> None:
    pool, chosen = array_pool(), PixMixSettings()
    draws = draw(chosen, Key(0), np.arange(0), pool)
    for engine in ENGINES:
        mixed = find_engine(engine)(np.zeros((0, 32, 32, 3), np.uint8), pool.images, draws)
        assert mixed.shape == (0, 3, 32, 32)


def test_the_engines_need_no_torch() -> None:
    names = ", ".join(f"pixmix.{name}" for name in ("_engines.numba", "_engines.pillow", "_augment.crops"))
    code = f"import sys, {names}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
