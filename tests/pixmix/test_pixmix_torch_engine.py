"""PixMix of tensors without CUDA kernels: the `numba` engine's numbers on the tensors' device."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from pixmix_samples import ArrayPool, extremes

from mixset._common.errors import InputError
from pixmix._augment.draws import Key, draw
from pixmix._augment.residents import Resident
from pixmix._augment.settings import IMAGENET, MIXINGS, PixMixSettings
from pixmix._engines import cuda, numba as numba_engine, pillow as pillow_engine, torch as torch_engine
from pixmix._engines.torch import mix_tensors

Photographs = Callable[..., np.ndarray]
Pools = Callable[..., ArrayPool]

LAW = {
    "random": (PixMixSettings(), (32, 32), 200),
    "every mixing": (PixMixSettings(mixings=MIXINGS, aug_severity=10.0, k=5), (33, 47), 60),
    "large": (IMAGENET, (224, 224), 4),
}


@pytest.mark.parametrize("case", LAW.values(), ids=LAW.keys())
@pytest.mark.parametrize("kind", ["photographs", "extremes"])
def test_tensors_are_the_numba_engines_and_close_to_pillow(
    case: tuple[PixMixSettings, tuple[int, int], int], kind: str, photographs: Photographs, array_pool: Pools
) -> None:
    chosen, size, count = case
    pool, images = array_pool(size), photographs(count, *size, seed=3)
    if kind == "extremes":
        found = list(extremes(*size).values())
        images = np.stack(found)[np.arange(count) % len(found)]
    draws = draw(chosen, Key(5), np.arange(count), pool)
    got = mix_tensors(torch.from_numpy(images), Resident(pool.images, "cpu"), draws).numpy()
    np.testing.assert_array_equal(got, numba_engine.mix(images, pool.images, draws))
    assert np.mean(np.abs(got - pillow_engine.mix(images, pool.images, draws)) > 1 / 255) <= 1e-4
    np.testing.assert_array_equal(torch_engine.mix(images, pool.images, draws), got)


def test_result_is_float_and_channels_last(photographs: Photographs, array_pool: Pools) -> None:
    pool, images = array_pool(), torch.from_numpy(photographs(10, 32, 32))
    draws = draw(PixMixSettings(), Key(0), np.arange(10), pool)
    mixed = mix_tensors(images, Resident(pool.images, "cpu"), draws)
    assert mixed.dtype == torch.float32 and mixed.shape == (10, 3, 32, 32)
    assert mixed.is_contiguous(memory_format=torch.channels_last) and not mixed.requires_grad
    for other in (torch.from_numpy(pool.images), pool.images):
        assert torch.equal(mix_tensors(images, Resident(other, "cpu", whole=True), draws), mixed)
    turned = images.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert not turned.is_contiguous()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(mix_tensors(turned, Resident(pool.images, "cpu"), draws), mixed)
    alone = draw(PixMixSettings(partner="input"), Key(0), np.arange(10), None)
    assert torch.equal(mix_tensors(images[:0], None, alone[:0]), mixed[:0])


@pytest.mark.parametrize(
    ("images", "mixing", "line"),
    [
        (torch.zeros(4, 32, 32, 3), None, "float32"),
        (torch.zeros(4, 3, 32, 32, dtype=torch.uint8), None, r"\(4, 3, 32, 32\)"),
        (torch.zeros(4, 0, 32, 3, dtype=torch.uint8), None, r"\(4, 0, 32, 3\)"),
        (torch.zeros(5, 32, 32, 3, dtype=torch.uint8), None, "4 for 5"),
        (torch.zeros(4, 32, 32, 3, dtype=torch.uint8), None, "none are given"),
        (torch.zeros(4, 32, 32, 3, dtype=torch.uint8), (1, 36, 36, 3), "there are 1"),
        (torch.zeros(4, 32, 32, 3, dtype=torch.uint8), (9, 32, 32, 3), "do not fit"),
        (torch.zeros(4, 32, 32, 3, dtype=torch.uint8, device="meta"), (9, 36, 36, 3), "are on cpu, the images on meta"),
    ],
)
def test_bad_tensors_are_one_line(
    images: torch.Tensor, mixing: tuple[int, ...] | None, line: str, array_pool: Pools
) -> None:
    pool, chosen = array_pool(), PixMixSettings(partner="mixing_set")
    indices = np.flatnonzero(draw(chosen, Key(0), np.arange(100), pool).rounds)[:4]
    resident = None if mixing is None else Resident(np.zeros(mixing, np.uint8), "cpu")
    with pytest.raises(InputError, match=line) as error:
        mix_tensors(images, resident, draw(chosen, Key(0), indices, pool))
    assert "\n" not in str(error.value)


def test_a_gpu_without_kernels_is_told_once_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(torch.version, "hip", None)
    cuda._installed.cache_clear()
    try:
        with pytest.warns(UserWarning, match=r"numba-cuda is missing; pip install 'pixmix\[gpu\]'$"):
            assert not cuda.serves(torch.device("cuda"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert not cuda.serves(torch.device("cuda", 1)) and not cuda.serves(torch.device("cpu"))
            assert not cuda.serves(torch.device("mps"))
    finally:
        cuda._installed.cache_clear()
    assert "NUMBA_ENABLE_CUDASIM" not in os.environ
