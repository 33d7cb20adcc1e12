"""PixMixDataset: a function of (seed, epoch, index), however the work is dealt out."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dataset_samples import Photographs, epochs
from PIL import Image
from pixmix_samples import ArrayPool, mappings
from torch.utils.data import DataLoader, Dataset

from mixset import MixingPool, MixingSet
from mixset._common.errors import InputError
from pixmix._augment.crops import crop_and_flip, random_resized_crop
from pixmix._augment.dataset import PixMixDataset
from pixmix._augment.draws import draw
from pixmix._augment.sampler import EpochSampler
from pixmix._common.philox import Key


def test_an_epoch_has_every_item_once(dataset: PixMixDataset, expected: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, labels = expected
    assert images.shape == (74, 3, 32, 32) and images.dtype == torch.float32
    counts = torch.bincount(torch.arange(37) % 10)
    assert torch.equal(torch.bincount(labels[:37]), counts) and torch.equal(torch.bincount(labels[37:]), counts)
    assert len({image.numpy().tobytes() for image in images}) == 74  # epochs differ, too


@pytest.mark.parametrize(("workers", "batch"), [(1, 8), (2, 5), (16, 3)])
@pytest.mark.filterwarnings("ignore:This DataLoader will create 16 worker")
def test_any_number_of_workers_gives_the_same_tensors(
    dataset: PixMixDataset, expected: tuple[torch.Tensor, torch.Tensor], workers: int, batch: int
) -> None:
    images, labels = epochs(dataset, workers=workers, batch=batch)
    assert torch.equal(images, expected[0]) and torch.equal(labels, expected[1])


@pytest.mark.slow
@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_fresh_workers_give_the_same_tensors(
    dataset: PixMixDataset, expected: tuple[torch.Tensor, torch.Tensor], start: str
) -> None:
    images, labels = epochs(dataset, workers=2, batch=7, start=start)
    assert torch.equal(images, expected[0]) and torch.equal(labels, expected[1])


class Watched(Dataset):
    """Items of a data set with their index and what the process that made them has mapped from a folder."""

    def __init__(self, dataset: PixMixDataset, cache: Path) -> None:
        self.dataset, self.cache = dataset, cache

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index][0], index, mappings(self.cache)


@pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_a_plain_shuffling_loader_hears_of_the_epoch(
    photographs: Callable[..., np.ndarray], tmp_path: Path, start: str
) -> None:
    """Its workers persist, and the one memory map of the pool is shared among them."""
    (tmp_path / "set").mkdir()
    for n, image in enumerate(photographs(5, 40, 40)):
        Image.fromarray(image).save(tmp_path / "set" / f"{n}.png")
    pool = MixingPool(MixingSet(tmp_path / "set"), 32, cache=tmp_path / "cache", quiet=True)
    dataset = PixMixDataset([(image, 0) for image in photographs(9, 32, 32)], pool, seed=4)
    dataset = pickle.loads(pickle.dumps(dataset))  # a copy shares its epoch with its own workers
    loader = DataLoader(
        Watched(dataset, tmp_path / "cache"),
        shuffle=True,
        batch_size=2,
        num_workers=2,
        persistent_workers=True,
        multiprocessing_context=start,
        collate_fn=list,
    )
    for epoch in (0, 3, 0):
        dataset.set_epoch(epoch)
        items = [item for batch in loader for item in batch]
        assert sorted(index for _, index, _ in items) == list(range(9))
        assert all(torch.equal(mixed, dataset[(epoch, index)][0]) for mixed, index, _ in items)
        assert all(set(found) == {f"{pool.path} shared"} for *_, found in items)
    assert not torch.equal(dataset[(0, 0)][0], dataset[(3, 0)][0])


def test_two_processes_share_the_epoch(dataset: PixMixDataset, expected: tuple[torch.Tensor, torch.Tensor]) -> None:
    """What rank r of 2 makes is every second item of what one process makes."""
    for rank in range(2):
        sampler = EpochSampler(37, seed=4, rank=rank, num_replicas=2)
        loader = DataLoader(dataset, batch_size=4, sampler=sampler)
        images = torch.cat([image for image, _ in loader])
        whole = torch.cat([expected[0][:37], expected[0][:1]])  # the first is dealt out again
        assert torch.equal(images, whole[rank::2])


def test_other_interpreters_make_the_same(
    tmp_path: Path, photographs: Callable[..., np.ndarray], array_pool: Callable[..., ArrayPool]
) -> None:
    code = (
        "import sys, numpy as np, torch; sys.path.insert(0, sys.argv[1]);"
        "from pixmix_samples import array_pool, photographs; from pixmix._augment.dataset import PixMixDataset;"
        "data = PixMixDataset([(p, 0) for p in photographs(6, 32, 32)], array_pool(), seed=4);"
        "np.save(sys.argv[2], torch.stack([i for i, _ in data.__getitems__(range(6))]).numpy())"
    )
    path = tmp_path / "made.npy"
    folder = __file__.rsplit("/", 1)[0]
    subprocess.run([sys.executable, "-c", code, folder, str(path)], check=True)
    here = PixMixDataset([(p, 0) for p in photographs(6, 32, 32)], array_pool(), seed=4)
    np.testing.assert_array_equal(np.load(path), torch.stack([here[n][0] for n in range(6)]).numpy())


def test_items_by_index_epoch_and_batch_agree(dataset: PixMixDataset) -> None:
    keys = [(1, 5), (0, 5), (1, 36), 5, (1, 0)]
    dataset = pickle.loads(pickle.dumps(dataset))
    dataset.set_epoch(0)
    batch = dataset.__getitems__(keys)
    for key, item in zip(keys, batch, strict=True):
        key = (0, 5) if key == 5 else key
        assert torch.equal(dataset[key][0], item[0]) and dataset[key][1] == item[1]
    assert torch.equal(batch[3][0], batch[1][0])
    assert torch.equal(dataset[0, -1][0], dataset[0, 36][0])
    for number in (5, np.int64(5), torch.tensor(5), -32):
        dataset.set_epoch(1)
        assert torch.equal(dataset[number][0], batch[0][0])


def test_the_data_sets_own_randomness_is_keyed_and_put_back(
    photographs: Callable[..., np.ndarray], array_pool: Callable[..., ArrayPool]
) -> None:
    class Noise(Dataset):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return torch.randint(256, (3, 8, 8), dtype=torch.uint8), index

    data = PixMixDataset(Noise(), None, seed=1, k=0, partner="input")
    torch.manual_seed(3)
    first = data[0, 2][0]
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))
    assert torch.equal(data[0, 2][0], first)
    assert not torch.equal(data[0, 3][0], first) and not torch.equal(data[1, 2][0], first)


@pytest.mark.parametrize("crop", [crop_and_flip, partial(random_resized_crop, size=32)])
def test_keyed_crops_come_first(
    photographs: Callable[..., np.ndarray], array_pool: Callable[..., ArrayPool], crop: Callable[..., Any]
) -> None:
    images = [Image.fromarray(image) for image in photographs(12, 32, 32)]
    data = PixMixDataset([(image, 0) for image in images], array_pool(), seed=2, crop=crop, k=0)
    cut = crop(images, Key(2, 0), np.arange(12))
    clean = draw(data.settings, Key(2, 0), np.arange(12), array_pool()).start_op < 0
    assert 2 <= clean.sum() <= 10
    for n in np.flatnonzero(clean):
        np.testing.assert_array_equal(data[n][0].numpy(), cut[n].transpose(2, 0, 1) / np.float32(255))


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda data, pool: PixMixDataset(data, pool, seed=-1), "seed: "),
        (lambda data, pool: PixMixDataset(data, pool, seed=0, engine="gpu"), "engine: "),
        (lambda data, pool: PixMixDataset(data, None, seed=0), "mixing set: "),
        (lambda data, pool: PixMixDataset([np.zeros((32, 32, 3), np.uint8)], pool, seed=0)[0], "dataset: "),
        (lambda data, pool: PixMixDataset([("a", 0)], pool, seed=0)[0], "image: .*str"),
        (lambda data, pool: PixMixDataset([(np.zeros((9, 9, 3), np.uint8), 0)], pool, seed=0)[0], "32×32 pixels"),
        (
            lambda data, pool: PixMixDataset(
                [(np.zeros((s, s, 3), np.uint8), 0) for s in (31, 32)], pool, seed=0
            ).__getitems__([0, 1]),
            "images: one size",
        ),
        (lambda data, pool: PixMixDataset(data, pool, seed=0)[[1, 2]], "item: an index or"),
        (lambda data, pool: PixMixDataset(data, pool, seed=0)[torch.tensor([1, 2])], "item: an index or"),
        (lambda data, pool: PixMixDataset(data, pool, seed=0)[1.5], "item: an index or"),
        (lambda data, pool: PixMixDataset(data, pool, seed=0)[2**40, 1], "epoch: "),
        (lambda data, pool: EpochSampler(0, seed=0), "count: "),
        (lambda data, pool: EpochSampler(9, seed=0, rank=2, num_replicas=2), "rank: "),
        (lambda data, pool: EpochSampler(9, seed=0, rank=0, num_replicas=0), "num_replicas: "),
        (lambda data, pool: EpochSampler(9, seed=0).set_epoch(-1), "epoch: "),
        (lambda data, pool: EpochSampler(9, seed=0).set_epoch(0, start=-1), "start: "),
    ],
)
def test_bad_input_is_one_line(
    photographs: Callable[..., np.ndarray], array_pool: Callable[..., ArrayPool], call: Callable[..., Any], line: str
) -> None:
    with pytest.raises(InputError, match=line) as error:
        call(Photographs(photographs(2, 32, 32)), array_pool())
    assert "\n" not in str(error.value)


def test_an_index_beyond_the_end_ends_iteration(dataset: PixMixDataset) -> None:
    with pytest.raises(IndexError):
        dataset[37]
