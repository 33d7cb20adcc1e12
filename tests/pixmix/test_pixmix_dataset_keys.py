"""Keys of items pass through what is put between PixMixDataset and its loader."""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np
import pytest
import torch
from pixmix_samples import ArrayPool
from torch.utils.data import ConcatDataset, DataLoader, StackDataset, Subset, SubsetRandomSampler, random_split

from mixset._common.errors import InputError
from pixmix._augment.dataset import PixMixDataset
from pixmix._augment.sampler import EpochSampler, ItemKey

WRAPPERS = {
    "Subset of a list": lambda data: (Subset(data, list(range(30, 4, -1))), range(30, 4, -1)),
    "Subset of an array": lambda data: (Subset(data, np.arange(3, 33)), range(3, 33)),
    "Subset of a tensor": lambda data: (Subset(data, torch.arange(3, 33)), range(3, 33)),
    "Subset of a Subset": lambda data: (Subset(Subset(data, range(5, 35)), range(20)), range(5, 25)),
    "ConcatDataset": lambda data: (ConcatDataset([Subset(data, range(9)), data]), [*range(9), *range(37)]),
    "StackDataset": lambda data: (StackDataset(data), range(37)),
}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", WRAPPERS)
def test_keys_pass_through_what_torch_puts_around_a_data_set(dataset: PixMixDataset, name: str, workers: int) -> None:
    wrapped, numbers = WRAPPERS[name](dataset)
    sampler = EpochSampler(len(wrapped), seed=2)
    loader = DataLoader(wrapped, 8, sampler=sampler, num_workers=workers, collate_fn=list)
    for epoch in (5, 2):
        sampler.set_epoch(epoch)
        items = [item for batch in loader for item in batch]
        sampler.set_epoch(epoch)
        for item, (_, index) in zip(items, sampler, strict=True):
            image = item[0][0] if name == "StackDataset" else item[0]
            assert torch.equal(image, dataset[epoch, numbers[index]][0])


@pytest.mark.parametrize("workers", [0, 2])
def test_random_splits_and_tensors_as_indices(dataset: PixMixDataset, workers: int) -> None:
    one, two = random_split(dataset, [20, 17], generator=torch.Generator().manual_seed(1))
    for part in (one, two):
        loader = DataLoader(part, 4, sampler=EpochSampler(len(part), seed=0), num_workers=workers)
        images = torch.cat([images for images, _ in loader])
        expected = {dataset[0, index][0].numpy().tobytes() for index in part.indices}
        assert {image.numpy().tobytes() for image in images} == expected
    for indices in (torch.tensor([4, 2, 9]), np.array([4, 2, 9])):
        dataset.set_epoch(3)
        loader = DataLoader(dataset, 2, sampler=SubsetRandomSampler(indices), num_workers=workers)
        expected = {dataset[3, index][0].numpy().tobytes() for index in (4, 2, 9)}
        assert {image.numpy().tobytes() for images, _ in loader for image in images} == expected


def keys_of(epoch: int, count: int = 37) -> list[ItemKey]:
    sampler = EpochSampler(count, seed=2)
    sampler.set_epoch(epoch)
    return list(sampler)


def test_a_key_that_something_else_takes_leaves_no_epoch_behind(
    dataset: PixMixDataset, array_pool: Callable[..., ArrayPool]
) -> None:
    counting = PixMixDataset(dataset.dataset, array_pool(), seed=4)
    keys = keys_of(7)
    assert list(range(37))[keys[0]] == keys[0].index
    assert torch.equal(counting[3][0], dataset[0, 3][0])
    assert torch.equal(counting[3][0], dataset[1, 3][0])


def test_loaders_side_by_side_keep_their_epochs_apart(
    dataset: PixMixDataset, array_pool: Callable[..., ArrayPool]
) -> None:
    """One data set is no PixMixDataset, one is asked by keys through a Subset, one counts."""
    counting = PixMixDataset(dataset.dataset, array_pool(), seed=4)
    sampler = EpochSampler(12, seed=2)
    sampler.set_epoch(7)
    plain: DataLoader[int] = DataLoader(list(range(12)), 4, sampler=sampler)
    keyed = DataLoader(Subset(dataset, range(10, 22)), 4, sampler=keys_of(5, 12), collate_fn=list)
    counted = DataLoader(counting, 4, sampler=range(12), collate_fn=list)
    assert [len(keys) for keys in (plain, keyed, counted)] == [3, 3, 3]
    order = iter(keys_of(5, 12))
    for number, (_, with_keys, without) in enumerate(zip(plain, keyed, counted, strict=True)):
        for item in with_keys:
            assert torch.equal(item[0], dataset[5, 10 + next(order).index][0])
        for place, item in enumerate(without):
            assert torch.equal(item[0], dataset[0, 4 * number + place][0])


def test_keys_of_several_epochs_in_a_batch(dataset: PixMixDataset) -> None:
    keys = [keys_of(7)[0], keys_of(2)[0]]
    items = Subset(dataset, range(36, -1, -1)).__getitems__(keys)
    for key, item in zip(keys, items, strict=True):
        assert torch.equal(item[0], dataset[key.epoch, 36 - key.index][0])
    with pytest.raises(InputError, match="give batches of one epoch"):
        Subset(ConcatDataset([dataset]), range(37)).__getitems__(keys)


def test_keys_pass_through_a_look_up_of_the_users_own(dataset: PixMixDataset) -> None:
    class Reversed:
        def __len__(self) -> int:
            return len(dataset)

        def __getitem__(self, number: ItemKey) -> tuple[torch.Tensor, int]:
            return dataset[36 - operator.index(number)]

    for key in keys_of(9)[:3]:
        assert torch.equal(Reversed()[key][0], dataset[9, 36 - key.index][0])
