"""Blue and brownish noise: random phases with a power that rises or falls with the frequency.

Frequencies are in cycles per shorter side, from the centre of the spectrum. The right half of the phases is the left
half rotated by 180 degrees without a change of sign; so the spectrum is not Hermitian, and the real part of its
transform, which the originals take, mixes each frequency with the mirror image of its neighbour.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import fft

from .._shared.base import Fields, ImageArray, Stream, to_bytes


def draw_blue_noise(stream: Stream, size: tuple[int, int], severity: float) -> Fields:
    """The phases for `noise_of`, (1, H, ⌈W/2⌉)."""
    return {"phases": _draw_phases(stream, size, 1)}


def blue_noise_sample(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """Keep pixels where blue noise of standard deviation 1 exceeds a threshold; the others become black."""
    power = _frequencies(image.shape[:2])
    mask = noise_of(fields["phases"], power, image.shape[1])[0] > 3.0 * severity / 10 - 2.5
    return image * mask[..., None]


def draw_brownish_noise(stream: Stream, size: tuple[int, int], severity: float) -> Fields:
    """The phases for `noise_of`, (3, H, ⌈W/2⌉)."""
    return {"phases": _draw_phases(stream, size, 3)}


def brownish_noise(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """Add noise whose power falls as 1/(r² + 1), independently in each channel."""
    power = 1 / (_frequencies(image.shape[:2]) ** 2 + 1)
    noise = noise_of(fields["phases"], power, image.shape[1])
    return to_bytes(image + 64 * severity / 10 * noise.transpose(1, 2, 0))


def noise_of(phases: np.ndarray, power: np.ndarray, width: int) -> np.ndarray:
    """Noise of standard deviation 1 in each channel, (C, H, W) float64.

    Args:
        phases: (C, H, ⌈W/2⌉) radians, the left half of the spectrum. If W is odd, the last column is the central one,
            whose upper half is used and mirrored to the lower half, with 0 between them if H is odd, too.
        power: (H, W) amplitudes, with the lowest frequency at (H/2, W/2).
        width: W.
    """
    height = power.shape[0]
    spectrum = np.empty((len(phases), height, width), np.complex128)
    left = np.cos(phases) + 1j * np.sin(phases)
    half = width // 2
    spectrum[:, :, :half] = left[:, :, :half]
    spectrum[:, :, width - half :] = left[:, ::-1, half - 1 :: -1]
    if width % 2:
        spectrum[:, : height // 2, half] = left[:, : height // 2, half]
        spectrum[:, height // 2, half] = 1.0
        spectrum[:, height - height // 2 :, half] = left[:, : height // 2, half][:, ::-1]
    spectrum *= power
    noise = fft.ifft2(np.roll(spectrum, (height // 2, half), (1, 2)), overwrite_x=True).real
    return noise / noise.std((1, 2), keepdims=True)


def _draw_phases(stream: Stream, size: tuple[int, int], channels: int) -> np.ndarray:
    return 2 * math.pi * stream.uniform(channels, size[0], -(-size[1] // 2))


@lru_cache(8)
def _frequencies(size: tuple[int, int]) -> np.ndarray:
    """The frequency at each position of the spectrum, in cycles per shorter side, (H, W) float64; 0 at (H/2, W/2)."""
    shorter = min(size)
    down = (np.arange(size[0]) - size[0] / 2) * (shorter / size[0])
    across = (np.arange(size[1]) - size[1] / 2) * (shorter / size[1])
    return np.sqrt(across**2 + down[:, None] ** 2)
