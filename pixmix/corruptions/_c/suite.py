"""The corruptions of ImageNet-C and CIFAR-10/100-C: the benchmark's fifteen and its four extra ones."""

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
"""The fifteen that mCE is the mean of, in the benchmark's order. Frost from a folder of one's own: `frost.frost`."""

EXTRA: dict[str, Corruption] = {
    corruption.name: corruption for corruption in (GAUSSIAN_BLUR, SATURATE, SPATTER, SPECKLE_NOISE)
}
"""The four for tuning, which mCE leaves out."""

C_CORRECTED: dict[str, Corruption] = {SPATTER_CORRECTED.name: SPATTER_CORRECTED}
"""What the original code does otherwise than it was meant, corrected."""
