"""AutoAugment: its policies, beside plain Pillow for the ops that are drawn, and its laws."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from scipy import stats
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from pixmix._common.keyed import torch_seeds
from pixmix._common.philox import Key
from pixmix.methods import MethodSettings, make_method
from pixmix.methods._autoaugment import AutoAugment
from pixmix.methods._base import as_float
from pixmix.methods._settings import AutoAugmentSettings

CIFAR10 = """
Invert .1 - Contrast .2 6 | Rotate .7 2 TranslateX .3 9 | Sharpness .8 1 Sharpness .9 3
ShearY .5 8 TranslateY .7 9 | AutoContrast .5 - Equalize .9 - | ShearY .2 7 Posterize .3 7
Color .4 3 Brightness .6 7 | Sharpness .3 9 Brightness .7 9 | Equalize .6 - Equalize .5 -
Contrast .6 7 Sharpness .6 5 | Color .7 7 TranslateX .5 8 | Equalize .3 - AutoContrast .4 -
TranslateY .4 3 Sharpness .2 6 | Brightness .9 6 Color .2 8 | Solarize .5 2 Invert 0 -
Equalize .2 - AutoContrast .6 - | Equalize .2 - Equalize .6 - | Color .9 9 Equalize .6 -
AutoContrast .8 - Solarize .2 8 | Brightness .1 3 Color .7 0 | Solarize .4 5 AutoContrast .9 -
TranslateY .9 9 TranslateY .7 9 | AutoContrast .9 - Solarize .8 3 | Equalize .8 - Invert .1 -
TranslateY .7 9 AutoContrast .9 -
"""
"""The policy as published: op, probability, strength, twice for each of the 25."""

IMAGENET = """
Posterize .4 8 Rotate .6 9 | Solarize .6 5 AutoContrast .6 - | Equalize .8 - Equalize .6 -
Posterize .6 7 Posterize .6 6 | Equalize .4 - Solarize .2 4 | Equalize .4 - Rotate .8 8
Solarize .6 3 Equalize .6 - | Posterize .8 5 Equalize 1 - | Rotate .2 3 Solarize .6 8
Equalize .6 - Posterize .4 6 | Rotate .8 8 Color .4 0 | Rotate .4 9 Equalize .6 -
Equalize 0 - Equalize .8 - | Invert .6 - Equalize 1 - | Color .6 4 Contrast 1 8
Rotate .8 8 Color 1 2 | Color .8 8 Solarize .8 7 | Sharpness .4 7 Invert .6 -
ShearX .6 5 Equalize 1 - | Color .4 0 Equalize .6 - | Equalize .4 - Solarize .2 4
Solarize .6 5 AutoContrast .6 - | Invert .6 - Equalize 1 - | Color .6 4 Contrast 1 8 | Equalize .8 - Equalize .6 -
"""

SIGNED = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Color", "Contrast", "Brightness", "Sharpness")


def table(text: str) -> list[tuple[tuple[str, float, int | None], ...]]:
    pairs = [pair.split() for line in text.strip().splitlines() for pair in line.split("|")]
    return [
        tuple((op, float(chance), None if level == "-" else int(level)) for op, chance, level in (six[:3], six[3:]))
        for six in pairs
    ]


def strength(op: str, level: int, width: int, height: int) -> float:
    """Of a level from 0 to 9, without its sign; in float32, whose last bit tips some bytes."""
    if op == "Posterize":
        return 8 - round(4 * level / 9)
    most = {"ShearX": 0.3, "ShearY": 0.3, "TranslateX": 150 / 331 * width, "TranslateY": 150 / 331 * height}
    if op == "Solarize":
        return 255 * float(torch.linspace(1, 0, 10)[level])
    return float(torch.linspace(0, most.get(op, 30 if op == "Rotate" else 0.9), 10)[level])


def augmented(image: Image.Image, op: str, value: float) -> Image.Image:
    """One op by plain Pillow, but for what moves pixels: torchvision's own kernel for that."""
    if op.startswith("Translate"):
        moved = [int(value), 0] if op == "TranslateX" else [0, int(value)]
        return functional.affine(image, angle=0, translate=moved, scale=1, shear=[0, 0])
    if op.startswith("Shear"):
        degrees = float(np.degrees(np.arctan(value)))
        shear = [degrees, 0] if op == "ShearX" else [0, degrees]
        return functional.affine(image, angle=0, translate=[0, 0], scale=1, shear=shear, center=[0, 0])
    if op == "Rotate":
        return image.rotate(value, Image.Resampling.NEAREST)
    if op == "Posterize":
        return ImageOps.posterize(image, value)
    if op == "Solarize":
        return ImageOps.solarize(image, value)
    if op in ("AutoContrast", "Equalize", "Invert"):
        return getattr(ImageOps, op.lower())(image)
    return getattr(ImageEnhance, op)(image).enhance(1 + value)


def by_hand(
    image: np.ndarray, policy: list[tuple[tuple[str, float, int | None], ...]], seed: int
) -> tuple[np.ndarray, int, list[str]]:
    """The image, and which pair and which of its ops were drawn: choice, then a chance and a sign for each op."""
    generator = torch.Generator().manual_seed(seed)
    changed, done = Image.fromarray(image), []
    number = int(torch.randint(len(policy), (), generator=generator))
    for op, chance, level in policy[number]:
        if torch.rand((), generator=generator) > chance:
            continue
        value = 0.0 if level is None else strength(op, level, changed.width, changed.height)
        if op in SIGNED and torch.rand((), generator=generator) <= 0.5:
            value = -value
        changed = augmented(changed, op, value)
        done.append(op)
    return np.asarray(changed), number, done


@pytest.mark.parametrize(("name", "text"), [("cifar10", CIFAR10), ("imagenet", IMAGENET)])
def test_the_policies_are_the_published_ones(name: str, text: str) -> None:
    published = table(text)
    assert len(published) == 25
    assert AutoAugment(policy=name).transform._policies == published


@pytest.mark.parametrize(("name", "size"), [("cifar10", (32, 32)), ("cifar10", (20, 36)), ("imagenet", (32, 32))])
def test_images_are_those_of_the_ops_by_hand(
    name: str, size: tuple[int, int], photographs: Callable[..., np.ndarray]
) -> None:
    count = 400
    images, indices, key = photographs(count, *size), np.arange(count) * 5, Key(11, 4)
    made = AutoAugment(policy=name).augment_array(images, key, indices)
    policy = AutoAugment(policy=name).transform._policies
    seen = set()
    for n, seed in enumerate(torch_seeds(key, indices)):
        expected, _, done = by_hand(images[n], policy, seed)
        np.testing.assert_array_equal(made[n], as_float(expected[None])[0], err_msg=f"image {n}: {done}")
        seen |= set(done)
    assert seen == {op for pair in policy for op, chance, _ in pair if chance > 0}


def test_each_pair_is_drawn_evenly_and_each_op_by_its_chance() -> None:
    policy = table(CIFAR10)
    black = np.zeros((4, 4, 3), np.uint8)
    drawn = [by_hand(black, policy, seed)[1:] for seed in torch_seeds(Key(0), np.arange(6000))]
    numbers = np.bincount([number for number, _ in drawn], minlength=25)
    assert stats.chisquare(numbers).pvalue > 1e-3
    for number, pair in enumerate(policy):
        expected = sum(chance for _, chance, _ in pair)
        mean = np.mean([len(done) for other, done in drawn if other == number])
        assert abs(mean - expected) < 4 * np.sqrt(sum(c * (1 - c) for _, c, _ in pair) / numbers[number]) + 1e-9


def test_is_a_function_of_seed_epoch_and_index(photographs: Callable[..., np.ndarray]) -> None:
    images, method, indices = photographs(40, 16, 16), AutoAugment(policy="cifar10"), np.arange(40) + 7
    made = method.augment_array(images, Key(1, 2), indices)
    order = np.random.default_rng(0).permutation(40)[:15]
    np.testing.assert_array_equal(method.augment_array(images[order], Key(1, 2), indices[order]), made[order])
    np.testing.assert_array_equal(method.augment_array(images[3:4], Key(1, 2), indices[3:4]), made[3:4])
    for other in (Key(1, 3), Key(2, 2)):
        assert not np.array_equal(method.augment_array(images, other, indices), made)
    assert not np.array_equal(method.augment_array(images, Key(1, 2), indices + 1), made)


def test_input_and_global_generator_are_left_alone(photographs: Callable[..., np.ndarray]) -> None:
    images = photographs(20, 16, 16)
    before, state = images.copy(), torch.get_rng_state()
    AutoAugment(policy="cifar10").augment_array(images, Key(0), np.arange(20))
    np.testing.assert_array_equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("policy", ["cifar10", "imagenet", "svhn"])
def test_the_method_has_the_policy_of_the_settings(policy: str) -> None:
    settings = MethodSettings(autoaugment=AutoAugmentSettings(policy=policy))
    made = make_method(
        "autoaugment", classes=10, size=(32, 32), mean=(0.5,) * 3, std=(0.5,) * 3, settings=settings, engine="pillow"
    )
    made = pickle.loads(pickle.dumps(made))
    assert (made.name, made.views, made.in_loader, made.on_device) == ("autoaugment", 1, True, False)
    assert made.transform._policies == v2.AutoAugment(v2.AutoAugmentPolicy(policy))._policies


def test_no_image_is_an_image_too() -> None:
    none = np.empty((0, 32, 32, 3), np.uint8)
    assert AutoAugment(policy="svhn").augment_array(none, Key(0), np.arange(0)).shape == (0, 3, 32, 32)
