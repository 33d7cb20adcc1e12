"""Under samplers that know of no epochs, PixMixDataset counts how often an item is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pixmix_samples import ArrayPool
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, RandomSampler, Subset, WeightedRandomSampler

from pixmix._augment.dataset import PixMixDataset
from pixmix._common.philox import Key


def seen(loader: DataLoader, count: int = 3) -> list[dict[int, bytes]]:
    """Of each epoch the images by their index, the bytes."""
    epochs = []
    for number in range(count):
        if hasattr(loader.sampler, "set_epoch"):
            loader.sampler.set_epoch(number)
        epochs.append({index: image.numpy().tobytes() for image, index in (item for batch in loader for item in batch)})
    return epochs


@pytest.fixture
def numbered(photographs: Callable[..., np.ndarray], array_pool: Callable[..., ArrayPool]) -> PixMixDataset:
    images = photographs(24, 32, 32)
    return PixMixDataset([(image, index) for index, image in enumerate(images)], array_pool(), seed=4)


@pytest.mark.parametrize("sampler", ["shuffle", "DistributedSampler", "BatchSampler"])
@pytest.mark.parametrize("workers", [0, 1, 2, "persistent"])
def test_under_any_other_sampler_epochs_are_counted(numbered: PixMixDataset, sampler: str, workers: int | str) -> None:
    """Forgotten `set_epoch`s freeze nothing: the third epoch of a shuffling loader is epoch 2."""
    number = workers if isinstance(workers, int) else 2
    options = {"num_workers": number, "persistent_workers": workers == "persistent", "collate_fn": list}
    if sampler == "BatchSampler":
        loader = DataLoader(numbered, batch_sampler=BatchSampler(RandomSampler(numbered), 5, False), **options)
    elif sampler == "shuffle":
        loader = DataLoader(numbered, 5, shuffle=True, **options)
    else:
        loader = DataLoader(numbered, 5, sampler=DistributedSampler(numbered, num_replicas=1, rank=0), **options)
    for epoch, images in enumerate(seen(loader)):
        expected = {index: numbered[epoch, index][0].numpy().tobytes() for index in range(24)}
        assert images == expected
    numbered.set_epoch(7)  # a run that resumes
    assert seen(loader, 2)[1] == {index: numbered[8, index][0].numpy().tobytes() for index in range(24)}


@pytest.mark.slow
def test_fresh_workers_count_epochs_too(numbered: PixMixDataset) -> None:
    loader = DataLoader(numbered, 5, shuffle=True, num_workers=2, multiprocessing_context="spawn", collate_fn=list)
    for epoch, images in enumerate(seen(loader, 2)):
        assert images == {index: numbered[epoch, index][0].numpy().tobytes() for index in range(24)}


def test_a_part_of_a_data_set_is_counted_too(numbered: PixMixDataset) -> None:
    loader = DataLoader(Subset(numbered, range(6)), 4, shuffle=True, num_workers=2, drop_last=False, collate_fn=list)
    epochs = seen(loader)
    assert all(len({images[index] for images in epochs}) == 3 for index in range(6))


@pytest.fixture
def noted(photographs: Callable[..., np.ndarray]) -> tuple[PixMixDataset, list[Any]]:
    """A data set that notes the (epoch, index) of all that is made, and its notes."""
    notes: list[Any] = []

    def note(images: list[np.ndarray], key: Key, indices: np.ndarray) -> np.ndarray:
        notes.extend((key.epoch, index) for index in indices.tolist())
        return np.stack(images)

    data = [(image, index) for index, image in enumerate(photographs(24, 32, 32))]
    return PixMixDataset(data, None, seed=4, k=0, partner="input", crop=note), notes


def test_items_drawn_with_replacement_are_all_different(noted: tuple[PixMixDataset, list[Any]]) -> None:
    data, notes = noted
    list(DataLoader(data, 4, sampler=WeightedRandomSampler([1.0] * 2 + [0.0] * 22, 12)))
    assert len(set(notes)) == 12 and {index for _, index in notes} <= {0, 1}


def test_processes_that_count_apart_make_no_image_twice(
    noted: tuple[PixMixDataset, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An item goes from process to process; each asks for it a first time."""
    data, notes = noted
    for rank in range(2):
        monkeypatch.setattr("pixmix._augment.dataset.rank_and_world", lambda rank=rank: (rank, 2))
        data._requests.zero_()  # as another process has it
        seen(DataLoader(data, 4, sampler=DistributedSampler(data, num_replicas=2, rank=rank), collate_fn=list), 6)
        assert data.__getstate__()["_processes"] == (rank, 2)  # which a worker that is not forked needs
    assert len(notes) == len(set(notes)) == 24 * 6
    data.set_epoch(5)
    data[3]
    assert notes[-1] == (5, 3)
