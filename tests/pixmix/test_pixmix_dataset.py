"""PixMixDataset and EpochSampler: functions of (seed, epoch, index), however the work is dealt out."""

import operator
import pickle
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image
from pixmix_samples import mappings
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    RandomSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
    random_split,
)
from torchvision.transforms import v2

from mixset import MixingPool, MixingSet
from mixset._common.errors import InputError
from pixmix._augment.crops import crop_and_flip, random_resized_crop
from pixmix._augment.dataset import PixMixDataset
from pixmix._augment.draws import draw
from pixmix._augment.sampler import EpochSampler, epoch_order
from pixmix._common.philox import Key


class Photographs(Dataset):
    """(image, label) with a random torchvision transform, whose randomness must be keyed, too."""

    def __init__(self, images):
        self.images = images
        self.transform = v2.Compose([v2.ToImage(), v2.RandomHorizontalFlip(), v2.RandomCrop(32, padding=4)])

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images[index]), index % 10


@pytest.fixture(scope="module")
def dataset(photographs, array_pool):
    return PixMixDataset(Photographs(photographs(37, 32, 32)), array_pool(), seed=4)


def epochs(dataset, *, workers, batch=8, start=None):
    sampler = EpochSampler(len(dataset), seed=4)
    loader = DataLoader(
        dataset,
        batch_size=batch,
        sampler=sampler,
        num_workers=workers,
        persistent_workers=workers > 0,
        multiprocessing_context=start if workers else None,
    )
    images, labels = [], []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        for image, label in loader:
            images.append(image)
            labels.append(label)
    return torch.cat(images), torch.cat(labels)


@pytest.fixture(scope="module")
def expected(dataset):
    return epochs(dataset, workers=0)


def test_an_epoch_has_every_item_once(dataset, expected):
    images, labels = expected
    assert images.shape == (74, 3, 32, 32) and images.dtype == torch.float32
    counts = torch.bincount(torch.arange(37) % 10)
    assert torch.equal(torch.bincount(labels[:37]), counts) and torch.equal(torch.bincount(labels[37:]), counts)
    assert len({image.numpy().tobytes() for image in images}) == 74  # epochs differ, too


@pytest.mark.parametrize(("workers", "batch"), [(1, 8), (2, 5), (16, 3)])
@pytest.mark.filterwarnings("ignore:This DataLoader will create 16 worker")
def test_any_number_of_workers_gives_the_same_tensors(dataset, expected, workers, batch):
    images, labels = epochs(dataset, workers=workers, batch=batch)
    assert torch.equal(images, expected[0]) and torch.equal(labels, expected[1])


@pytest.mark.slow
@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_fresh_workers_give_the_same_tensors(dataset, expected, start):
    images, labels = epochs(dataset, workers=2, batch=7, start=start)
    assert torch.equal(images, expected[0]) and torch.equal(labels, expected[1])


class Watched(Dataset):
    """Items of a data set with their index and what the process that made them has mapped from a folder."""

    def __init__(self, dataset, cache):
        self.dataset, self.cache = dataset, cache

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.dataset[index][0], index, mappings(self.cache)


@pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_a_plain_shuffling_loader_hears_of_the_epoch(photographs, tmp_path, start):
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


def test_two_processes_share_the_epoch(dataset, expected):
    """What rank r of 2 makes is every second item of what one process makes."""
    for rank in range(2):
        sampler = EpochSampler(37, seed=4, rank=rank, num_replicas=2)
        loader = DataLoader(dataset, batch_size=4, sampler=sampler)
        images = torch.cat([image for image, _ in loader])
        whole = torch.cat([expected[0][:37], expected[0][:1]])  # the first is dealt out again
        assert torch.equal(images, whole[rank::2])


def test_other_interpreters_make_the_same(tmp_path, photographs, array_pool):
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


def test_items_by_index_epoch_and_batch_agree(dataset):
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


def test_the_data_sets_own_randomness_is_keyed_and_put_back(photographs, array_pool):
    class Noise(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
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
def test_keyed_crops_come_first(photographs, array_pool, crop):
    images = [Image.fromarray(image) for image in photographs(12, 32, 32)]
    data = PixMixDataset([(image, 0) for image in images], array_pool(), seed=2, crop=crop, k=0)
    cut = crop(images, Key(2, 0), np.arange(12))
    clean = draw(data.settings, Key(2, 0), np.arange(12), array_pool()).start_op < 0
    assert 2 <= clean.sum() <= 10
    for n in np.flatnonzero(clean):
        np.testing.assert_array_equal(data[n][0].numpy(), cut[n].transpose(2, 0, 1) / np.float32(255))


@given(
    count=st.integers(1, 200),
    ranks=st.integers(1, 9),
    seed=st.integers(0, 2**64 - 1),
    epoch=st.integers(0, 1000),
    shuffle=st.booleans(),
    drop=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_ranks_have_equally_many_and_cover_an_epoch(count, ranks, seed, epoch, shuffle, drop):
    options = {"seed": seed, "num_replicas": ranks, "shuffle": shuffle, "drop_last": drop}
    if drop and count < ranks:
        with pytest.raises(InputError, match="do not suffice"):
            EpochSampler(count, rank=0, **options)
        return
    shares = []
    for rank in range(ranks):
        sampler = EpochSampler(count, rank=rank, **options)
        sampler.set_epoch(epoch)
        shares.append(list(sampler))
        # As torch's sampler has it, to the number.
        torchs = DistributedSampler(range(count), num_replicas=ranks, rank=rank, shuffle=False, drop_last=drop)
        assert len(shares[-1]) == len(sampler) == len(torchs)
        if not shuffle:
            assert [index for _, index in shares[-1]] == list(torchs)
    order = (epoch_order(count, seed=seed, epoch=epoch) if shuffle else np.arange(count)).tolist()
    dealt = [index for turn in zip(*shares, strict=True) for _, index in turn]
    assert dealt[:count] == order[: len(dealt)]
    assert {key.epoch for share in shares for key in share} == {epoch}
    assert len(dealt) % ranks == 0 and abs(len(dealt) - count) < ranks


@pytest.mark.parametrize(("count", "batch", "ranks"), [(17, 4, 2), (1025, 64, 2), (8193, 128, 8), (50000, 128, 8)])
def test_ranks_take_equally_many_steps(count, batch, ranks):
    steps = {
        len(DataLoader(range(count), batch, sampler=EpochSampler(count, seed=0, rank=rank, num_replicas=ranks)))
        for rank in range(ranks)
    }
    assert len(steps) == 1


@given(start=st.integers(0, 60), ranks=st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_an_epoch_resumes_where_it_was_left(start, ranks):
    sampler = EpochSampler(50, seed=1, rank=ranks - 1, num_replicas=ranks)
    sampler.set_epoch(2)
    whole = list(sampler)
    sampler.set_epoch(2, start=start)
    assert list(sampler) == whole[start:] and len(sampler) == len(whole[start:])
    sampler.set_epoch(3)
    assert len(list(sampler)) == len(whole)


def test_each_iteration_is_the_next_epoch():
    """Who forgets `set_epoch` has no two equal epochs; who calls it has the one that was set."""
    sampler = EpochSampler(20, seed=1)
    assert [{key.epoch for key in sampler} for _ in range(3)] == [{0}, {1}, {2}]
    sampler.set_epoch(7, start=15)
    assert [len(sampler), *([len(list(sampler)) for _ in range(2)])] == [5, 5, 20]
    assert {key.epoch for key in sampler} == {9}


def test_the_process_group_says_how_many_there_are(monkeypatch):
    monkeypatch.setattr("pixmix._augment.sampler.rank_and_world", lambda: (1, 3))
    assert [key.index for key in EpochSampler(7, seed=0, shuffle=False)] == [1, 4, 0]


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
def test_keys_pass_through_what_torch_puts_around_a_data_set(dataset, name, workers):
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
def test_random_splits_and_tensors_as_indices(dataset, workers):
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


def keys_of(epoch, count=37):
    sampler = EpochSampler(count, seed=2)
    sampler.set_epoch(epoch)
    return list(sampler)


def test_a_key_that_something_else_takes_leaves_no_epoch_behind(dataset, array_pool):
    counting = PixMixDataset(dataset.dataset, array_pool(), seed=4)
    keys = keys_of(7)
    assert list(range(37))[keys[0]] == keys[0].index
    assert torch.equal(counting[3][0], dataset[0, 3][0])
    assert torch.equal(counting[3][0], dataset[1, 3][0])


def test_loaders_side_by_side_keep_their_epochs_apart(dataset, array_pool):
    """One data set is no PixMixDataset, one is asked by keys through a Subset, one counts."""
    counting = PixMixDataset(dataset.dataset, array_pool(), seed=4)
    sampler = EpochSampler(12, seed=2)
    sampler.set_epoch(7)
    plain = DataLoader(list(range(12)), 4, sampler=sampler)
    keyed = DataLoader(Subset(dataset, range(10, 22)), 4, sampler=keys_of(5, 12), collate_fn=list)
    counted = DataLoader(counting, 4, sampler=range(12), collate_fn=list)
    assert [len(keys) for keys in (plain, keyed, counted)] == [3, 3, 3]
    order = iter(keys_of(5, 12))
    for number, (_, with_keys, without) in enumerate(zip(plain, keyed, counted, strict=True)):
        for item in with_keys:
            assert torch.equal(item[0], dataset[5, 10 + next(order).index][0])
        for place, item in enumerate(without):
            assert torch.equal(item[0], dataset[0, 4 * number + place][0])


def test_keys_of_several_epochs_in_a_batch(dataset):
    keys = [keys_of(7)[0], keys_of(2)[0]]
    items = Subset(dataset, range(36, -1, -1)).__getitems__(keys)
    for key, item in zip(keys, items, strict=True):
        assert torch.equal(item[0], dataset[key.epoch, 36 - key.index][0])
    with pytest.raises(InputError, match="give batches of one epoch"):
        Subset(ConcatDataset([dataset]), range(37)).__getitems__(keys)


def test_keys_pass_through_a_look_up_of_the_users_own(dataset):
    class Reversed:
        def __len__(self):
            return len(dataset)

        def __getitem__(self, number):
            return dataset[36 - operator.index(number)]

    for key in keys_of(9)[:3]:
        assert torch.equal(Reversed()[key][0], dataset[9, 36 - key.index][0])


def seen(loader, count=3):
    """Of each epoch the images by their index, the bytes."""
    epochs = []
    for number in range(count):
        if hasattr(loader.sampler, "set_epoch"):
            loader.sampler.set_epoch(number)
        epochs.append({index: image.numpy().tobytes() for image, index in (item for batch in loader for item in batch)})
    return epochs


@pytest.fixture
def numbered(photographs, array_pool):
    images = photographs(24, 32, 32)
    return PixMixDataset([(image, index) for index, image in enumerate(images)], array_pool(), seed=4)


@pytest.mark.parametrize("sampler", ["shuffle", "DistributedSampler", "BatchSampler"])
@pytest.mark.parametrize("workers", [0, 1, 2, "persistent"])
def test_under_any_other_sampler_epochs_are_counted(numbered, sampler, workers):
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
def test_fresh_workers_count_epochs_too(numbered):
    loader = DataLoader(numbered, 5, shuffle=True, num_workers=2, multiprocessing_context="spawn", collate_fn=list)
    for epoch, images in enumerate(seen(loader, 2)):
        assert images == {index: numbered[epoch, index][0].numpy().tobytes() for index in range(24)}


def test_a_part_of_a_data_set_is_counted_too(numbered):
    loader = DataLoader(Subset(numbered, range(6)), 4, shuffle=True, num_workers=2, drop_last=False, collate_fn=list)
    epochs = seen(loader)
    assert all(len({images[index] for images in epochs}) == 3 for index in range(6))


@pytest.fixture
def noted(photographs):
    """A data set that notes the (epoch, index) of all that is made, and its notes."""
    notes = []

    def note(images, key, indices):
        notes.extend((key.epoch, index) for index in indices.tolist())
        return np.stack(images)

    data = [(image, index) for index, image in enumerate(photographs(24, 32, 32))]
    return PixMixDataset(data, None, seed=4, k=0, partner="input", crop=note), notes


def test_items_drawn_with_replacement_are_all_different(noted):
    data, notes = noted
    list(DataLoader(data, 4, sampler=WeightedRandomSampler([1.0] * 2 + [0.0] * 22, 12)))
    assert len(set(notes)) == 12 and {index for _, index in notes} <= {0, 1}


def test_processes_that_count_apart_make_no_image_twice(noted, monkeypatch):
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


def test_orders_are_random_and_keyed():
    order = epoch_order(1000, seed=1, epoch=0)
    assert sorted(order.tolist()) == list(range(1000))
    assert not np.array_equal(order, epoch_order(1000, seed=1, epoch=1))
    assert not np.array_equal(order, epoch_order(1000, seed=2, epoch=0))
    np.testing.assert_array_equal(order, epoch_order(1000, seed=1, epoch=0))
    assert abs(np.corrcoef(order, np.arange(1000))[0, 1]) < 0.15
    assert list(EpochSampler(3, seed=0, shuffle=False)) == [(0, 0), (0, 1), (0, 2)]
    firsts = [epoch_order(5, seed=seed, epoch=0)[0] for seed in range(5000)]
    np.testing.assert_allclose(np.bincount(firsts) / 5000, 0.2, atol=0.03)


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
def test_bad_input_is_one_line(photographs, array_pool, call, line):
    with pytest.raises(InputError, match=line) as error:
        call(Photographs(photographs(2, 32, 32)), array_pool())
    assert "\n" not in str(error.value)


def test_an_index_beyond_the_end_ends_iteration(dataset):
    with pytest.raises(IndexError):
        dataset[37]
