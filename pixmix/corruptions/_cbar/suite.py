"""The fifteen corruptions of CIFAR-10-C̄ and ImageNet-C̄ (Mintun, Kirillov & Xie, 2021), for images of any size.

Their parameter is the raw severity from the original lists. Positions are drawn over the image's height and width, and
lengths (radii, wavelengths, squares, rings) are fractions of its shorter side, which for square images is as in the
original. A corruption in only one of the two lists has its severities at every size.
"""

from __future__ import annotations

from collections.abc import Callable

from .._shared.base import Corruption, Fields, ImageArray, Stream, draws_nothing
from . import caustics, noise, occlusion, optics, perlin, sparkles, warps, waves

Severities = tuple[float, float, float, float, float]


def _cbar(
    number: int,
    draw: Callable[[Stream, tuple[int, int], float], Fields],
    apply: Callable[[ImageArray, float, Fields], ImageArray],
    *,
    cifar: Severities | None = None,
    imagenet: Severities | None = None,
) -> Corruption:
    small, large = cifar or imagenet, imagenet or cifar
    assert small and large
    return Corruption(name=apply.__name__, number=number, small=small, large=large, draw=draw, apply=apply)


_ALL = (
    _cbar(
        32,
        noise.draw_blue_noise,
        noise.blue_noise_sample,
        cifar=(0.7, 1.4, 2.1, 3.5, 4.2),
        imagenet=(0.8, 1.6, 2.4, 4.0, 5.6),
    ),
    _cbar(
        33,
        occlusion.draw_checkerboard,
        occlusion.checkerboard_cutout,
        cifar=(1.0, 2.0, 3.0, 4.0, 5.0),
        imagenet=(2.0, 3.0, 4.0, 5.0, 6.0),
    ),
    _cbar(
        34,
        sparkles.draw_inverse_sparkles,
        sparkles.inverse_sparkles,
        cifar=(1.0, 1.5, 2.5, 4.5, 5.0),
        imagenet=(1.0, 2.0, 4.0, 9.0, 10.0),
    ),
    _cbar(35, warps.draw_pinch_and_twirl, warps.pinch_and_twirl, cifar=(5.5, 6.0, 6.5, 8.5, 10.0)),
    _cbar(36, warps.draw_ripple, warps.ripple, cifar=(5.5, 6.0, 6.5, 7.5, 8.0)),
    _cbar(
        37,
        noise.draw_brownish_noise,
        noise.brownish_noise,
        cifar=(2.5, 4.0, 5.5, 6.5, 7.0),
        imagenet=(1.0, 2.0, 3.0, 4.0, 5.0),
    ),
    _cbar(38, draws_nothing, optics.circular_motion_blur, cifar=(2.8, 3.6, 4.4, 5.2, 6.0)),
    _cbar(39, occlusion.draw_lines, occlusion.lines, cifar=(0.5, 1.0, 1.5, 2.0, 2.5)),
    _cbar(
        40,
        sparkles.draw_sparkles,
        sparkles.sparkles,
        cifar=(0.7, 3.5, 5.6, 6.3, 7.0),
        imagenet=(1.0, 2.0, 3.0, 5.0, 6.0),
    ),
    _cbar(
        41,
        optics.draw_chromatic_aberration,
        optics.transverse_chromatic_abberation,
        cifar=(1.0, 2.0, 5.0, 9.0, 10.0),
    ),
    _cbar(42, caustics.draw_caustics, caustics.caustic_refraction, imagenet=(2.35, 3.2, 4.9, 6.6, 9.15)),
    _cbar(43, perlin.draw_perlin_noise, perlin.perlin_noise, imagenet=(4.6, 5.2, 5.8, 7.6, 8.8)),
    _cbar(44, waves.draw_plasma, waves.plasma_noise, imagenet=(4.75, 7.0, 8.5, 9.25, 10.0)),
    _cbar(45, waves.draw_concentric_waves, waves.cocentric_sine_waves, imagenet=(3.0, 5.0, 8.0, 9.0, 10.0)),
    _cbar(
        46,
        waves.draw_single_frequency,
        waves.single_frequency_greyscale,
        imagenet=(1.0, 1.5, 2.0, 4.5, 5.0),
    ),
)

CBAR: dict[str, Corruption] = {corruption.name: corruption for corruption in _ALL}
"""All fifteen corruptions by name, spelled as in the official archives."""

CIFAR_CBAR = (
    "blue_noise_sample",
    "checkerboard_cutout",
    "inverse_sparkles",
    "pinch_and_twirl",
    "ripple",
    "brownish_noise",
    "circular_motion_blur",
    "lines",
    "sparkles",
    "transverse_chromatic_abberation",
)
"""The ten corruptions of CIFAR-10-C̄, in the order of its list."""

IMAGENET_CBAR = (
    "caustic_refraction",
    "inverse_sparkles",
    "sparkles",
    "perlin_noise",
    "blue_noise_sample",
    "plasma_noise",
    "checkerboard_cutout",
    "cocentric_sine_waves",
    "single_frequency_greyscale",
    "brownish_noise",
)
"""The ten corruptions of ImageNet-C̄, in the order of its list."""
