"""What a row of the paper's tables is: images, a batch on the device, a loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mixset._common.errors import InputError

from .._augment.crops import crop_and_flip_tensor
from .._common import philox
from .._common.keyed import StepKey as StepKey, generator as generator
from .._common.philox import Key as Key
from ._step_draws import DeviceDraws as DeviceDraws, StepDraws as StepDraws, on_device

if TYPE_CHECKING:
    from mixset._store.pool import MixingPool

    from .._augment.residents import Resident
    from ._settings import MethodSettings

Batches = Callable[[int], Iterator[tuple[Tensor, Tensor]]]
"""So many batches of cropped training images as they are, (N, 3, H, W) float32 in [0, 1], with their labels (N,)."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a method is made for."""

    classes: int
    """Number of classes of the data set."""
    size: tuple[int, int]
    """(H, W) of the training images."""
    mean: tuple[float, ...]
    """Mean of each channel in the normaliser, in units of [0, 1] images."""
    std: tuple[float, ...]
    """Standard deviation of each channel in the normaliser, in the same units."""
    settings: MethodSettings
    """Settings of the methods, as the user chose them."""
    pool: MixingPool | None = None
    """The mixing images."""
    outliers: np.ndarray | None = None
    """(M, H, W, 3) uint8: what outlier exposure shows beside the training images."""
    engine: str = "numba"
    """Which of `pixmix._engines.ENGINES` mixes on the CPU."""


class Method:
    """Baseline: the images as they are and cross entropy; crop and flip are the loader's.

    The other methods override what they change. A method is made once and pickled into the loader's workers. Its
    augmentation has two forms that do the same: `augment_array`, which loader workers call, and `augment_tensor` for
    tensors on a device, which training on a GPU calls at the image's step. One of them is enough: arrays alone stay in
    the workers, and tensors serve both.
    """

    name = "baseline"
    in_loader = True
    """Whether `augment_array` is a function of its arguments alone, so that loader workers can run ahead of training;
    otherwise the training process calls it, at the image's step."""
    on_device = True
    """Whether there is `augment_tensor`; without it a GPU's images come from loader workers, too."""
    views = 1
    """V, the rows that its augmentation makes of each training image: 3 for AugMix's views. The first N of V · N rows
    show the images in their order; `loss` is given the outputs of all."""
    batch_views = 1
    """B, the rows that `batch` makes of each that it is given: 2 where the network sees the images and changed copies,
    4 for rotations. The network's batch has B · V · N rows, and its first V · N are those given, changed or not."""
    jsd_weight = 12.0
    """Of the Jensen-Shannon term of `+jsd`, unless the user chooses one; its authors' is 12."""
    keys: tuple[Literal["image", "step"], ...] = ()
    """What its randomness is a function of. "image": `augment_array` and `augment_tensor` draw from (seed, epoch,
    index), so that an image is the same in any batch and any process. "step": `batch` draws from (seed, epoch, step,
    rank), so that the batch size and the number of processes matter. Neither: it draws nothing."""
    in_graph = True
    """Whether a step may be replayed as a CUDA graph: `change`, `loss` and what `extend` adds then run once in Python,
    and later steps repeat their operations on tensors; numbers and decisions of Python stay as they were. A class that
    overrides `batch`, `loss`, `extend` or `on_step` has to say so itself; with a `batch` of its own it cannot be."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if {"batch", "loss", "extend", "on_step"} & vars(cls).keys() and "in_graph" not in vars(cls):
            cls.in_graph = False  # what the inherited word was given for is not what runs
        if "augment_array" in vars(cls) and not {"augment_tensor", "on_device"} & vars(cls).keys():
            cls.on_device = False  # the inherited form for tensors is another method's
        if {"augment_array", "augment_tensor"} & vars(cls).keys() and "augment_resident" not in vars(cls):
            cls.augment_resident = Method.augment_resident  # type: ignore[method-assign]  # as is this

    def extend(self, network: nn.Module) -> nn.Module:
        """What is trained in place of the network, which it contains: the network with modules of the method's own.

        Training optimises, checkpoints and distributes the whole; measures and saved weights are the network's alone.

        Args:
            network: takes normalised images (N, C, H, W), gives logits (N, classes).

        Returns:
            The network itself, where the method adds nothing. Else a module that takes the same images and whose
            output (N, ...), one tensor, is what `loss` is given.
        """
        return network

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        """Turn cropped images into the network's.

        Args:
            batch: (N, H, W, 3) uint8.
            key: seed and epoch; another copy of the same images has another seed, and what is drawn from `key.shared`
                is the same for all copies of an image.
            indices: (N,) positions in the training set; each image's randomness is keyed by its own.

        Returns:
            (V · N, 3, H, W) float32 in [0, 1], the first view of all, then the second, ....
        """
        if type(self).augment_tensor is not Method.augment_tensor:
            # torch takes neither negative strides nor, without a warning, arrays that may not be written.
            own = torch.from_numpy(np.require(batch, requirements=("C", "W")))
            return self.augment_tensor(own, key, indices).contiguous().numpy()
        return as_float(batch)

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        """As `augment_array`, for a tensor (N, H, W, 3) uint8 on any device; nothing waits for the device."""
        return as_images(batch)

    def augment_resident(self, stored: Resident, key: Key, indices: np.ndarray, *, padding: int, flip: bool) -> Tensor:
        """As `augment_tensor`, for images of a data set that lies on the device, which are still to be cropped.

        Args:
            stored: the data set's images, (M, H, W, 3) uint8.
            key: seed and epoch.
            indices: (N,) positions in the data set.
            padding: black pixels on each side before a crop of the image's size; 0 for no crop.
            flip: whether to mirror an image with probability 0.5.
        """
        cut = crop_and_flip_tensor(stored.take(indices), key, indices, padding=padding, flip=flip)
        return self.augment_tensor(cut, key, indices)

    def ahead(self) -> int | None:
        """For how many steps, the one at hand included, images may be made at once; None: any number.

        Called after `on_step`. One at a time is the default where images are not a function of their keys alone.
        """
        return None if self.in_loader else 1

    def draw(self, key: StepKey, count: int, size: tuple[int, int]) -> StepDraws:
        """What `change` needs of chance in a step, as far as the host draws it; a function of its arguments.

        Args:
            count: V · N, the rows of the batch.
            size: (H, W) of its images.
        """
        return StepDraws()

    def change(
        self, images: Tensor, labels: Tensor, *, draws: DeviceDraws, network: nn.Module, classes: int
    ) -> tuple[Tensor, Tensor]:
        """What becomes of a batch by the draws of `draw`, in operations on tensors alone; as `batch` otherwise."""
        return images, labels

    def batch(
        self, images: Tensor, labels: Tensor, *, network: nn.Module, key: StepKey, classes: int
    ) -> tuple[Tensor, Tensor]:
        """Change a batch on the device: mix its images with each other, or attack the network with them.

        This one draws and changes; override `draw` and `change` where the two can be told apart.

        Args:
            images: (V · N, C, H, W) float in [0, 1]; not changed in place.
            labels: (N,) int64.
            network: takes images in [0, 1]; is in training mode when this is called and when it returns, and has
                the same weights, gradients and batch statistics.
            classes: how many classes the network tells apart.

        Returns:
            Images, (B · V · N, C, H, W), and the targets that `loss` takes: class numbers int64, or soft labels
            (..., classes) float32.
        """
        draws = self.draw(key, len(images), (images.shape[2], images.shape[3]))
        there = on_device(draws, key, images.device)
        return self.change(images, labels, draws=there, network=network, classes=classes)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean cross entropy of (B · V · N, classes) logits; soft labels count each class by its share.

        Args:
            logits: the outputs for all rows; of an extended network (see `extend`) whatever it gives.
            targets: what `batch` returned; where the run smooths labels, always soft ones.
        """
        return functional.cross_entropy(logits, targets)

    def before_epoch(self, network: nn.Module, batches: Batches, *, key: StepKey) -> None:
        """Get ready for the key's epoch; the network, which takes images in [0, 1], is left as it is.

        A run that was killed within an epoch does not call this again for that epoch; its checkpoint has the state.
        """

    def on_step(self, network: nn.Module) -> None:
        """Look at the network, which takes normalised input, before a training step; nothing about it may change."""

    def on_epoch(self, epoch: int, seconds: float) -> tuple[dict[str, Any], str]:
        """Look back on an epoch; every process calls this.

        Args:
            epoch: how many have ended.
            seconds: what this one took.

        Returns:
            What to add to the epoch's entry in the log, and words to add to the line that is shown.
        """
        return {}, ""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint has to keep of this method; tensors and plain values only."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave. Raises InputError where the state is another method's."""
        if state:
            raise InputError(
                f"method {self.name} keeps no state, but the checkpoint has {', '.join(sorted(state))}; "
                "go on with the method the run was started with"
            )


def uniforms(key: Key, indices: np.ndarray, count: int) -> np.ndarray:
    """Random numbers for the `augment_array` and `augment_tensor` of a method of one's own.

    Args:
        key: seed and epoch.
        indices: (N,) positions in the training set.
        count: how many numbers each image gets, always the same ones, however many are asked for.

    Returns:
        (N, count) float64, uniform in (0, 1), a function of seed, epoch and index.
    """
    return philox.uniforms(key.seed, key.epoch, np.asarray(indices), philox.OWN, count)


def as_float(batch: np.ndarray) -> np.ndarray:
    """(N, H, W, C) uint8 to (N, C, H, W) float32 in [0, 1], contiguous; the same float as torchvision's ToTensor."""
    return np.divide(np.ascontiguousarray(batch.transpose(0, 3, 1, 2)), np.float32(255), dtype=np.float32)


def as_images(batch: Tensor) -> Tensor:
    """As `as_float`, for tensors; the result is channels-last in memory."""
    return batch.permute(0, 3, 1, 2).to(torch.float32) / 255


def plain(name: str, setting: Setting) -> Method:
    """The baseline; the rows that change the data train as it does."""
    method = Method()
    method.name = name
    return method
