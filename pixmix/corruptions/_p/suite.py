"""The perturbation sequences of ImageNet-P and CIFAR-P (Hendrycks & Dietterich, 2019), for images of any size.

Frames and constants are those of the scripts that made the official sequences: 31 frames, except for translate (41 for
ImageNet, 16 for CIFAR) and CIFAR's motion blur (21).
"""

from __future__ import annotations

from collections.abc import Iterable

from .._c import noise
from .._shared.base import CORRECTED, REFERENCE
from . import effects, spatter, warps
from .base import Perturbation, no_draw
from .effects import Blur, Motion, Snow
from .noises import noises
from .spatter import Spatter

_STEPS = range(31)
_FROM_MIDDLE = range(-15, 16)

_GAUSSIAN_NOISE = noises(noise.GAUSSIAN_NOISE, (64, 65, 66), (0.02, 0.04, 0.06), (0.03, 0.05, 0.08))
_SHOT_NOISE = noises(noise.SHOT_NOISE, (67, 68, 69), (700, 400, 200), (300, 120, 60))
_SPECKLE_NOISE = noises(noise.SPECKLE_NOISE, (70, 71, 72), (0.05, 0.07, 0.1), (0.05, 0.1, 0.15))

_MOTION_BLUR = Perturbation(
    name="motion_blur",
    number=73,
    small=tuple(Motion(6, 1.8, 9 * (i - 20)) for i in range(21)),
    large=tuple(Motion(10, 3, 4 * (i - 30)) for i in _STEPS),
    draw=no_draw,
    apply=effects.blur_along,
)

_ZOOM_BLUR = Perturbation(
    name="zoom_blur",
    number=74,
    small=tuple(1 + 0.004 * i for i in _STEPS),
    large=tuple(1 + 0.004 * i for i in _STEPS),
    draw=no_draw,
    apply=warps.zoom_blur,
    uncropped=True,
)

_SNOW = Perturbation(
    name="snow",
    number=75,
    small=tuple(Snow(2, Motion(10, 2, 4 * i - 150)) for i in _STEPS),
    large=tuple(Snow(3, Motion(14, 4, 4 * i - 150)) for i in _STEPS),
    draw=effects.draw_flakes,
    apply=effects.snow,
)

_BRIGHTNESS = Perturbation(
    name="brightness",
    number=76,
    small=tuple(i * 1.5 / 100 for i in _FROM_MIDDLE),
    large=tuple(i * 2 / 100 for i in _FROM_MIDDLE),
    draw=no_draw,
    apply=effects.brightness,
)

_TRANSLATE = Perturbation(
    name="translate",
    number=77,
    small=tuple(range(-7, 9)),
    large=tuple(range(-20, 21)),
    draw=no_draw,
    apply=warps.translate,
    uncropped=True,
)

_ROTATE = Perturbation(
    name="rotate",
    number=78,
    small=tuple(_FROM_MIDDLE),
    large=tuple(_FROM_MIDDLE),
    draw=no_draw,
    apply=warps.rotate,
    uncropped=True,
)

_TILT = Perturbation(
    name="tilt",
    number=79,
    small=tuple(0.75 * i for i in _FROM_MIDDLE),
    large=tuple(_FROM_MIDDLE),
    draw=no_draw,
    apply=warps.tilt,
    uncropped=True,
)

_SCALE = Perturbation(
    name="scale",
    number=80,
    small=tuple((2 * i + 70) / 100 for i in _STEPS),
    large=tuple((2.5 * i + 40) / 100 for i in _STEPS),
    draw=no_draw,
    apply=warps.scale,
    uncropped=True,
)


def _spatter(name: str, form: str) -> Perturbation:
    return Perturbation(
        name=name,
        number=81,
        small=(Spatter(0.6, 0.265, 1.75, 0.7, (0.2, 0.8), form),) * len(_STEPS),
        large=(Spatter(0.65, 0.27, 3.7, 0.69, (0.05, 0.1, 0.15, 0.7), form),) * len(_STEPS),
        draw=spatter.draw_drops,
        apply=spatter.spatter,
    )


_SPATTER, _SPATTER_CORRECTED = _spatter("spatter", REFERENCE), _spatter("spatter_corrected", CORRECTED)

_SHEAR = Perturbation(
    name="shear",
    number=82,
    small=tuple(_FROM_MIDDLE),
    large=tuple(_FROM_MIDDLE),
    draw=no_draw,
    apply=warps.shear,
    uncropped=True,
)

_GAUSSIAN_BLUR = Perturbation(
    name="gaussian_blur",
    number=83,
    small=tuple(Blur(0.3 + 0.015 * i, 7) for i in _STEPS),
    large=tuple(Blur(0.25 + 0.035 * i, 6) for i in _STEPS),
    draw=no_draw,
    apply=effects.blur_around,
)


def _by_name(perturbations: Iterable[Perturbation]) -> dict[str, Perturbation]:
    return {perturbation.name: perturbation for perturbation in perturbations}


P = _by_name(
    (
        _GAUSSIAN_NOISE[0],
        _SHOT_NOISE[0],
        _MOTION_BLUR,
        _ZOOM_BLUR,
        _SNOW,
        _BRIGHTNESS,
        _TRANSLATE,
        _ROTATE,
        _TILT,
        _SCALE,
    )
)
"""The ten perturbations of the benchmark, in the paper's order; some evaluations use spatter instead of snow."""

P_EXTRA = _by_name((_SPATTER, _SHEAR, _SPECKLE_NOISE[0], _GAUSSIAN_BLUR))
"""The four extra perturbations for validation."""

HARDER = _by_name((*_GAUSSIAN_NOISE[1:], *_SHOT_NOISE[1:], *_SPECKLE_NOISE[1:]))
"""The noises at difficulties 2 and 3."""

P_CORRECTED = _by_name((_SPATTER_CORRECTED,))
"""Corrected versions of perturbations whose original code does not do what was intended: spatter without black frames.
"""
