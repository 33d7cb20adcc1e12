"""The corruptions of ImageNet-C and CIFAR-10/100-C (Hendrycks & Dietterich, 2019): the benchmark's 15 and 4 extra."""

from __future__ import annotations

from .._shared.base import Corruption
from .blur import DEFOCUS_BLUR, GAUSSIAN_BLUR, GLASS_BLUR
from .colors import BRIGHTNESS, SATURATE
from .digital import CONTRAST, JPEG_COMPRESSION, PIXELATE
from .elastic import ELASTIC_TRANSFORM
from .frost import FROST
from .motion import MOTION_BLUR
from .noise import GAUSSIAN_NOISE, IMPULSE_NOISE, SHOT_NOISE, SPECKLE_NOISE
from .plasma import FOG
from .snow import SNOW
from .spatter import SPATTER, SPATTER_CORRECTED
from .zoom import ZOOM_BLUR

_BENCHMARK = (
    *(GAUSSIAN_NOISE, SHOT_NOISE, IMPULSE_NOISE),
    *(DEFOCUS_BLUR, GLASS_BLUR, MOTION_BLUR, ZOOM_BLUR),
    *(SNOW, FROST, FOG, BRIGHTNESS),
    *(CONTRAST, ELASTIC_TRANSFORM, PIXELATE, JPEG_COMPRESSION),
)

C: dict[str, Corruption] = {corruption.name: corruption for corruption in _BENCHMARK}
"""The 15 corruptions over which the mCE is taken, in the benchmark's order; see `frost.frost` for another folder."""

EXTRA: dict[str, Corruption] = {
    corruption.name: corruption for corruption in (GAUSSIAN_BLUR, SATURATE, SPATTER, SPECKLE_NOISE)
}
"""The 4 extra corruptions for validation, which are not part of the mCE."""

C_CORRECTED: dict[str, Corruption] = {SPATTER_CORRECTED.name: SPATTER_CORRECTED}
"""Corrected versions of corruptions whose original code does not do what was intended."""
