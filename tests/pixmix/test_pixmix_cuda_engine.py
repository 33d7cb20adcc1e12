"""The CUDA engine without a GPU: its kernels in Numba's simulator, and its arithmetic on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys

import cuda_simulator as cases
import numpy as np
import pytest
import torch
from cuda_simulator import KEY
from engine_samples import Photographs, Pools, law_images, off, pillows
from PIL import Image, ImageStat
from pixmix_samples import extremes

from mixset._common.kernels import kernel
from pixmix._augment.crops import crop_and_flip
from pixmix._augment.draws import Draws, Key, draw
from pixmix._augment.settings import IMAGENET, MIXINGS, OPS, PixMixSettings
from pixmix._engines import numba as numba_engine, pillow as pillow_engine
from pixmix._engines.cuda_records import records_of
from pixmix._engines.cuda_values import View, augmented, mixed_pixel
from pixmix._engines.pillow import OP_FUNCTIONS
from pixmix.methods._mixing import PARTNERS


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
    for count in (6, 2, 0):
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


@kernel
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
