"""Blue and brownish noise: random phases under a power that rises or falls with the frequency.

Frequencies are in cycles per shorter side, counted from the middle of the spectrum. The right half of the phases is the
left half turned by 180 degrees, with its sign kept: the spectrum is not Hermitian, and the real part of its transform,
which the originals take, mixes each frequency with its neighbour's mirror image.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import fft

from .._shared.base import Fields, ImageArray, Stream, to_bytes


def draw_blue_noise(stream: Stream, size: tuple[int, int], severity: float) -> Fields:
    """Phases (1, H, ⌈W/2⌉), as `noise_of` wants them."""
    return {"phases": _draw_phases(stream, size, 1)}


def blue_noise_sample(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """Pixels stay where blue noise of deviation 1 is above a threshold; the others become black."""
    power = _frequencies(image.shape[:2])
    kept = noise_of(fields["phases"], power, image.shape[1])[0] > 3.0 * severity / 10 - 2.5
    return image * kept[..., None]


def draw_brownish_noise(stream: Stream, size: tuple[int, int], severity: float) -> Fields:
    """Phases (3, H, ⌈W/2⌉), as `noise_of` wants them."""
    return {"phases": _draw_phases(stream, size, 3)}


def brownish_noise(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """Noise whose power falls as 1/(r² + 1) is added, other noise in each channel."""
    power = 1 / (_frequencies(image.shape[:2]) ** 2 + 1)
    noise = noise_of(fields["phases"], power, image.shape[1])
    return to_bytes(image + 64 * severity / 10 * noise.transpose(1, 2, 0))


def noise_of(phases: np.ndarray, power: np.ndarray, width: int) -> np.ndarray:
    """Noise (C, H, W) float64 of deviation 1 in each channel.

    Args:
        phases: (C, H, ⌈W/2⌉) radians, of the left half of the spectrum. Where W is odd the last column is the middle
            one: its upper half is used, the lower half is its mirror image, and 0 is between them where H is odd, too.
        power: (H, W) amplitudes, the lowest frequency at (H/2, W/2).
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
    """(H, W) float64: how far each place of the spectrum is from (H/2, W/2), in cycles per shorter side."""
    shorter = min(size)
    down = (np.arange(size[0]) - size[0] / 2) * (shorter / size[0])
    across = (np.arange(size[1]) - size[1] / 2) * (shorter / size[1])
    return np.sqrt(across**2 + down[:, None] ** 2)
