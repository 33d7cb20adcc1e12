"""The transform in the workers of a loader, of each kind: what they draw, and the pool that they share."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pixmix_samples import mappings
from torch.utils.data import DataLoader, Dataset, get_worker_info

from pixmix._augment.transform import PixMix


class Drawn(PixMix):
    """Gives, in an image's place, the number that it is drawn from."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> torch.Tensor:
        return torch.tensor(params["seed"])


class Images(Dataset):
    """Photographs through a transform, as torchvision's data sets do it; an item tells where it was made."""

    def __init__(self, images: np.ndarray, transform: PixMix, cache: Path) -> None:
        self.images, self.transform, self.cache = images, transform, cache

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        image = self.transform(self.images[index])
        return image, index, get_worker_info().id, mappings(self.cache)


def epochs(
    dataset: Images, start: str, *, persistent: bool = True, seed: int | None = 1, count: int = 2
) -> list[list[tuple[torch.Tensor, int, int, list[Any]]]]:
    """Epochs of a shuffling loader of two workers: for each its (image, index, worker, mappings), one an item."""
    loader = DataLoader(
        dataset,
        batch_size=3,
        shuffle=True,
        num_workers=2,
        persistent_workers=persistent,
        multiprocessing_context=start,
        generator=None if seed is None else torch.Generator().manual_seed(seed),
        collate_fn=list,
    )
    return [[item for batch in loader for item in batch] for _ in range(count)]


@pytest.mark.parametrize("persistent", [True, False])
def test_no_two_epochs_and_no_two_workers_draw_alike(
    folders: tuple[Path, Path], photographs: Callable[..., np.ndarray], tmp_path: Path, persistent: bool
) -> None:
    dataset = Images(photographs(12, 32, 32), Drawn(folders[0], size=32), tmp_path)
    made = epochs(dataset, "fork", persistent=persistent, count=3)
    numbers = [int(image) for items in made for image, *_ in items]
    assert len(set(numbers)) == 36
    assert all(sorted(index for _, index, *_ in items) == list(range(12)) for items in made)
    assert len({tuple(index for _, index, *_ in items) for items in made}) == 3
    assert all({worker for *_, worker, _ in items} == {0, 1} for items in made)
    same = epochs(dataset, "fork", persistent=persistent, count=3)
    assert [int(image) for items in same for image, *_ in items] == numbers
    other = epochs(dataset, "fork", persistent=persistent, count=3, seed=2)
    assert not set(numbers) & {int(image) for items in other for image, *_ in items}


def test_torchs_seed_decides(
    folders: tuple[Path, Path], photographs: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    dataset = Images(photographs(6, 32, 32), PixMix(folders[0], size=32), tmp_path)
    runs = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        runs.append(
            sorted((index, image.numpy().tobytes()) for image, index, *_ in epochs(dataset, "fork", seed=None)[1])
        )
    assert runs[0] == runs[1] != runs[2]


def check_workers(dataset: Any, start: str, cache: Path) -> None:
    """Fresh workers make the images that forked ones do, from one pool that all map into their memory."""
    made, expected = epochs(dataset, start), epochs(dataset, "fork")
    for items, others in zip(made, expected, strict=True):
        assert [index for _, index, *_ in items] == [index for _, index, *_ in others]
        assert all(torch.equal(item[0], other[0]) for item, other in zip(items, others, strict=True))
    (pool,) = cache.glob("**/*.npy")
    for items in (*made, *expected):
        assert {worker for *_, worker, _ in items} == {0, 1}
        assert all(found == [f"{pool} shared"] for *_, found in items)
    assert not all(torch.equal(one[0], two[0]) for one, two in zip(*made, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_workers_of_each_kind_share_the_pool(
    folders: tuple[Path, Path], photographs: Callable[..., np.ndarray], tmp_path: Path, start: str
) -> None:
    dataset = Images(photographs(7, 32, 32), PixMix(folders[0], size=32, k=4), tmp_path / "cache")
    assert len(pickle.dumps(dataset.transform)) < 20_000
    check_workers(dataset, start, tmp_path / "cache")
