"""Training images whose side changes with the epochs: small ones first, which cost less."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from mixset._common.errors import InputError
from pixmix.methods._base import Method

from .._data.labelled import IN_MEMORY, LabelledImages
from .._runs.config import TrainConfig
from .._runs.trials import try_network
from .batches import TrainingSet

Remake = Callable[[int], Method]
"""The run's method for images of another side."""


def side_at(config: TrainConfig, size: int, epoch: int) -> int:
    """The side in pixels of an epoch's training images: each of `config.sizes` for an equal part of the epochs.

    Args:
        size: of the data set's images, where the config has no such sizes.
    """
    if not config.sizes:
        return size
    return config.sizes[min(epoch, config.epochs - 1) * len(config.sizes) // config.epochs]


def at_side(training_set: TrainingSet, side: int, remake: Remake) -> TrainingSet:
    """The same images in crops of another side: the same parts of them, since crops are keyed."""
    images = training_set.images
    return TrainingSet(
        LabelledImages(images.labels, side, files=images.files),
        remake(side),
        seed=training_set.seed,
        flip=training_set.flip,
        device=training_set.device,
    )


def check_sizes(config: TrainConfig, training_set: TrainingSet, network: nn.Module, *, extended: bool) -> None:
    """See that a run can go through its sizes, before it begins.

    Raises:
        InputError: images in memory, which are not resized; a method that brings something along from epoch to epoch;
            or a network that does not take images of such a side.
    """
    if not config.sizes:
        return
    if training_set.images.array is not None:
        raise InputError(
            f"sizes: is for folders of images larger than {IN_MEMORY} px, of which crops are resized; leave `sizes` out"
        )
    if extended or training_set.method.state_dict():
        raise InputError(f"sizes: the method {config.method} has a state of its own; leave `sizes` out")
    for side in config.sizes:
        try_network(network, side, training=True)
