"""What is optimised in place of pixels: lucent's spectra, or phases alone under the spectra of photographs (MACO)."""

from __future__ import annotations

import functools
import math
import threading
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

with warnings.catch_warnings():
    # kornia, a dependency of lucent, uses a deprecated way to script functions, of which torch warns at every import.
    warnings.simplefilter("ignore")
    from lucent.optvis.param import color, spatial

SPECTRUM = ((1.0, 1.22, -0.092, 0.177), (0.79, 1.29, -0.099, 0.113), (0.89, 1.19, -0.081, 0.116))
"""g, a, b and d of each decorrelated channel: g f^-a exp(b cos 2t + d cos 4t) is the mean amplitude of photographs at f
periods a frame in the direction t, fitted to the logits of 1,000 photographs of ImageNet."""
CONTRAST = 2.2
"""The standard deviation of the decorrelated logits of photographs."""

_PATCHING = threading.Lock()

Parametrised = tuple[list[Tensor], Callable[[], Tensor]]
"""Parameters of n images, and a function for the images (n, 3, S, S) in [0, 1] that they represent."""


def fourier(randoms: Sequence[np.random.Generator], size: int, device: torch.device) -> Parametrised:
    """lucent's Fourier parameters (n, 3, S, S // 2 + 1, 2): the real and imaginary parts of scaled spectra.

    Each image starts from its own noise. The colours are decorrelated by lucent's matrix, which lucent itself would
    copy to the first GPU at every step.
    """
    with _PATCHING:
        original, spatial.device = spatial.device, device
        try:
            parameters, planes = spatial.fft_image((len(randoms), 3, size, size))
        finally:
            spatial.device = original
    spectra = parameters[0]
    noise = np.stack([random.standard_normal(spectra.shape[1:], np.float32) for random in randoms])
    with torch.no_grad():
        spectra.copy_(torch.from_numpy(0.01 * noise))
    colours = _colours(device)
    return parameters, lambda: _coloured(planes(), colours)


def maco(randoms: Sequence[np.random.Generator], size: int, device: torch.device) -> Parametrised:
    """The phases (n, 3, S, S // 2 + 1) in radians of waves whose amplitudes are those of photographs (Fel et al. 2023).

    The published phases start normal with a standard deviation of 1, so that nearly all waves are at their crests in
    the corners, which turn white. Here they start uniform over the circle and need not be standardised at each step.
    """
    amplitudes = torch.from_numpy(spectrum(size)).to(device)
    uniform = np.stack([random.random(amplitudes.shape, np.float32) for random in randoms])
    phases = torch.from_numpy(uniform * np.float32(2 * math.pi)).to(device).requires_grad_()
    colours = _colours(device)

    def images() -> Tensor:
        waves = torch.polar(amplitudes.expand_as(phases), phases)
        planes = torch.fft.irfft2(waves, s=(size, size)).flatten(1)
        deviation, mean = torch.std_mean(planes, 1, keepdim=True)
        return _coloured(((planes - mean) * (CONTRAST / deviation)).view(-1, 3, size, size), colours)

    return [phases], images


PARAMETRISATIONS: dict[str, Callable[[Sequence[np.random.Generator], int, torch.device], Parametrised]] = {
    "fourier": fourier,
    "maco": maco,
}
"""Parametrisations by name: (a random generator for each image, side in pixels, device) → parameters and images."""


@functools.lru_cache(maxsize=4)
def spectrum(size: int) -> np.ndarray:
    """The amplitudes of the waves of photographs, (3, S, S // 2 + 1) float32; 0 for the mean."""
    down = np.abs(np.fft.fftfreq(size, 1 / size))[:, None]
    along = np.fft.rfftfreq(size, 1 / size)
    frequency, turn = np.hypot(down, along), np.arctan2(down, along)
    frequency[0, 0] = 1.0
    planes = [g * frequency**-a * np.exp(b * np.cos(2 * turn) + d * np.cos(4 * turn)) for g, a, b, d in SPECTRUM]
    amplitudes = np.stack(planes).astype(np.float32)
    amplitudes[:, 0, 0] = 0.0
    return amplitudes


def _colours(device: torch.device) -> Tensor:
    return torch.from_numpy(color.color_correlation_normalized).to(device)


def _coloured(planes: Tensor, colours: Tensor) -> Tensor:
    """Images in [0, 1] of decorrelated planes (n, 3, S, S)."""
    return torch.sigmoid((colours @ planes.flatten(2)).view(planes.shape))
