"""Noise perturbations: the clean image, then independent draws of a corruption's noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._shared.base import Corruption, Fields, ImageArray, Stream
from .base import Frames, Perturbation

DRAWS = 30


@dataclass(frozen=True)
class Draws:
    """Frames of a corruption at the parameters of each frame, None for the clean image."""

    corruption: Corruption

    def draw(self, stream: Stream, size: int, parameters: tuple[float | None, ...]) -> Fields:
        """The corruption's random fields for each frame except the clean one."""
        noisy = [parameter for parameter in parameters if parameter is not None]
        return {"frames": [self.corruption.draw(stream, (size, size), parameter) for parameter in noisy]}

    def apply(self, image: ImageArray, size: int, parameters: tuple[float | None, ...], fields: Fields) -> Frames:
        """The frames, (frames, S, S, 3) uint8."""
        frames, drawn = np.empty((len(parameters), *image.shape), np.uint8), iter(fields["frames"])
        for frame, parameter in zip(frames, parameters, strict=True):
            frame[:] = image if parameter is None else self.corruption.apply(image, parameter, next(drawn))
        return frames


def noises(
    corruption: Corruption,
    numbers: tuple[int, int, int],
    small: tuple[float, float, float],
    large: tuple[float, float, float],
) -> list[Perturbation]:
    """The perturbations of a noise at three difficulties: `NAME`, `NAME_2` and `NAME_3`.

    Args:
        corruption: the noise.
        numbers: the number of each random stream.
        small: the parameter at each difficulty for CIFAR.
        large: the parameter at each difficulty for ImageNet.
    """
    draws = Draws(corruption)
    return [
        Perturbation(
            name=corruption.name + suffix,
            number=number,
            small=(None, *[weak] * DRAWS),
            large=(None, *[strong] * DRAWS),
            draw=draws.draw,
            apply=draws.apply,
        )
        for suffix, number, weak, strong in zip(("", "_2", "_3"), numbers, small, large, strict=True)
    ]
