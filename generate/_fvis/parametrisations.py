"""What is optimised in place of pixels: lucent's spectra, or phases under the spectra of photographs (MACO)."""

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
MEANS = (2.2, 2.9, 2.8)
"""How far from 0 the mean of each decorrelated channel may get: half of the distance between the 5 % and 95 % quantiles
of the same photographs."""
SHARES = 0.7
"""The most by which the logarithm of a channel's share in the contrast changes; photographs differ by more."""

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
    """MACO (Fel et al. 2023) with a tone: phases (n, 3, S, S // 2 + 1) in radians, and six numbers (n, 2, 3) an image.

    The amplitudes of waves stay those of photographs. Phases alone cannot make an image darker or redder, which units
    of early layers ask for; so each image has the mean of each decorrelated channel and its share in the contrast, too,
    within what photographs have. The contrast of all three together stays.
    """
    amplitudes, phases, colours = _start(randoms, size, device)
    tone = torch.zeros((len(randoms), 2, 3), device=device, requires_grad=True)
    means = torch.tensor(MEANS, device=device)

    def images() -> Tensor:
        planes = _waves(amplitudes, phases).flatten(2)
        mean, share = torch.tanh(tone).unbind(1)
        share = torch.exp(SHARES * share)
        # The mean of the variances is that of all three planes, as each has mean 0.
        share = share * (CONTRAST / (share.square() * planes.var(2)).mean(1, keepdim=True).sqrt())
        middle = (colours @ (means * mean).T).T
        return torch.sigmoid(torch.baddbmm(middle[..., None], colours * share[:, None], planes)).unflatten(
            2, (size, size)
        )

    return [phases, tone], images


def maco_phases(randoms: Sequence[np.random.Generator], size: int, device: torch.device) -> Parametrised:
    """The phases (n, 3, S, S // 2 + 1) alone, as published; sets of content version 2 are made so."""
    amplitudes, phases, colours = _start(randoms, size, device)

    def images() -> Tensor:
        planes = _waves(amplitudes, phases).flatten(1)
        deviation, mean = torch.std_mean(planes, 1, keepdim=True)
        return _coloured(((planes - mean) * (CONTRAST / deviation)).view(-1, 3, size, size), colours)

    return [phases], images


def _start(randoms: Sequence[np.random.Generator], size: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Amplitudes of photographs (3, S, S // 2 + 1), random phases (n, 3, S, S // 2 + 1), and the colours (3, 3).

    The published phases start normal with a standard deviation of 1, so that nearly all waves are at their crests in
    the corners, which turn white. Here they start uniform over the circle and need not be standardised at each step.
    """
    amplitudes = torch.from_numpy(spectrum(size)).to(device)
    uniform = np.stack([random.random(amplitudes.shape, np.float32) for random in randoms])
    phases = torch.from_numpy(uniform * np.float32(2 * math.pi)).to(device).requires_grad_()
    return amplitudes, phases, _colours(device)


def _waves(amplitudes: Tensor, phases: Tensor) -> Tensor:
    """The sum of the waves of each plane, (n, 3, S, S), with mean 0."""
    size = phases.shape[2]
    return torch.fft.irfft2(torch.polar(amplitudes.expand_as(phases), phases), s=(size, size))


PARAMETRISATIONS: dict[str, Callable[[Sequence[np.random.Generator], int, torch.device], Parametrised]] = {
    "fourier": fourier,
    "maco": maco,
    "maco-phases": maco_phases,
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
