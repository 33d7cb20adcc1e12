"""`A+jsd` (Hendrycks et al., 2020): predictions for an image and two augmented copies of it that are made to agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mixset._common.errors import InputError

from ._base import Method, Setting, as_float, as_images
from ._composed import Composed, acts_on_batches

if TYPE_CHECKING:
    from .._augment.draws import Key

_COPIES = 2


class Jsd(Method):
    """The loss for three views of each image: cross entropy, and `weight` times the Jensen-Shannon term.

    The labels count for the first view alone, which is the image as it is.

    Args:
        weight: of the term; None for that of the method of images, 12 for most.
    """

    name = "jsd"
    views = 1 + _COPIES
    in_graph = True

    def __init__(self, weight: float | None = None) -> None:
        self.weight = Method.jsd_weight if weight is None else weight
        self.chosen = weight is not None

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        views = logits.view(self.views, -1, logits.shape[1])
        return functional.cross_entropy(views[0], targets) + self.weight * jensen_shannon(views)


class Consistent(Composed):
    """Another method's images in three views: each as it is, and two copies that the method draws apart.

    Crop and flip come before, so the views share them, and whatever the method draws from `key.shared`.

    Args:
        name: what the user called it.
        first: makes one row of each image, and draws by image.
        jsd: the loss.

    Raises:
        InputError: `first` makes several rows of an image, adds modules to the network, or does not draw by image, so
            that its copies would be the same.
    """

    views = Jsd.views

    def __init__(self, name: str, first: Method, jsd: Method) -> None:
        if isinstance(jsd, Jsd) and not jsd.chosen:
            jsd = Jsd(first.jsd_weight)
        super().__init__(name, first, jsd)
        if "image" not in first.keys or acts_on_batches(first):
            raise InputError(
                f"method {name}: jsd compares copies of an image that are drawn apart; {first.name} does not draw for "
                "each image alone"
            )

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        copies = (self.parts[0].augment_array(batch, key.of_copy(copy), indices) for copy in range(_COPIES))
        return np.concatenate([as_float(batch), *copies])

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        copies = (self.parts[0].augment_tensor(batch, key.of_copy(copy), indices) for copy in range(_COPIES))
        return torch.cat([as_images(batch), *copies])


def jensen_shannon(logits: Tensor) -> Tensor:
    """The mean over views and images of KL(p ‖ M), where M is the views' mean prediction, at least 1e-7.

    Args:
        logits: (V, N, classes).
    """
    # From logarithms: that of a probability which is 0 in float32 would make the gradient NaN. They are finite: 0 times
    # an infinite one would be NaN, too.
    logs = functional.log_softmax(logits, dim=2).clamp(min=torch.finfo(logits.dtype).min)
    shares = logs.exp()
    mean = shares.mean(dim=0).clamp(1e-7, 1).log()
    return (shares * (logs - mean)).sum(dim=2).mean()


def make(name: str, setting: Setting) -> Method:
    """The loss, with the user's weight if there is one."""
    return Jsd(setting.settings.jsd.weight)
