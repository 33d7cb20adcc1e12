"""Kernels as plain Python (NUMBA_DISABLE_JIT=1, for debuggers and coverage): the same bytes as compiled."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pixmix_samples import ArrayPool, photographs

from mixset.generate._job.families import FAMILIES, load
from pixmix._augment.crops import crop_and_flip, random_resized_crop
from pixmix._augment.draws import draw
from pixmix._augment.settings import MIXINGS, PixMixSettings
from pixmix._common.philox import Key
from pixmix._engines import ENGINES, find_engine
from pixmix.methods import MethodSettings, make_method
from pixmix.methods._settings import IPMixSettings


def mixed() -> dict[str, str]:
    """Hashes of images through every op, mixing, crop and method with kernels."""
    pool = ArrayPool(photographs(4, 14, 16), (12, 14), (4,), (1.0,))
    images, key, indices = photographs(24, 12, 14, seed=2), Key(2**63 + 11), np.arange(24)
    made = {"crop": crop_and_flip(images, key, indices), "resized": random_resized_crop(images, key, indices, size=9)}
    for severity in (3.0, 10.0):
        settings = PixMixSettings(mixings=MIXINGS, aug_severity=severity)
        draws = draw(settings, key, indices, pool)
        assert set(draws.op[draws.op >= 0]) == set(range(13)) and set(draws.mixing.flat) == set(range(6))
        for engine in ENGINES:
            made[f"{engine}, severity {severity}"] = find_engine(engine)(images, pool.images, draws)
    half, chosen = (0.5,) * 3, MethodSettings(ipmix=IPMixSettings(all_ops=True, partner="both", wrap=True))
    for name, count in (("augmix", 24), ("ipmix", 24), ("prime", 4)):
        method = make_method(name, classes=2, size=(12, 14), mean=half, std=half, settings=chosen, pool=pool)
        made[name] = method.augment_array(images[:count], key, indices[:count])
    return {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in made.items()}


def generated(*sets: str) -> dict[str, str]:
    """Hashes of a 32-pixel image of each set, named as FAMILY:STYLE."""
    made = {}
    for name in sets:
        family, style = name.split(":")
        recipe = load(FAMILIES[family].recipe)(count=1, size=32, style=style).resolved()
        ((image, *_),) = load(FAMILIES[family].render)(recipe, range(1))
        made[name] = hashlib.sha256(image.tobytes()).hexdigest()
    return made


def uncompiled(call: str) -> dict[str, str]:
    """What a call of this module gives in a process without the compiler; a warning would be an error."""
    code = f"import json, {Path(__file__).stem} as tests; print(json.dumps(tests.{call}))"
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_images_are_mixed_alike() -> None:
    assert uncompiled("mixed()") == mixed()


SMALL = ("deadleaves:squares", "spectrum:grey", "plasma:rough")
LARGE = ("fractals:single", "fractals:grey", "fractals:flame", "julia:newton", "deadleaves:textured")


@pytest.mark.parametrize("sets", [SMALL, pytest.param(LARGE, marks=pytest.mark.slow)])
def test_sets_are_made_alike(sets: tuple[str, ...]) -> None:
    assert uncompiled(f"generated(*{sets})") == generated(*sets)
