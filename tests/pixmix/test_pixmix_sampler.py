"""EpochSampler: the order of an epoch, dealt out among ranks, resumed, and counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from torch.utils.data import DataLoader, DistributedSampler

from mixset._common.errors import InputError
from pixmix._augment.sampler import EpochSampler, epoch_order


@given(
    count=st.integers(1, 200),
    ranks=st.integers(1, 9),
    seed=st.integers(0, 2**64 - 1),
    epoch=st.integers(0, 1000),
    shuffle=st.booleans(),
    drop=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_ranks_have_equally_many_and_cover_an_epoch(
    count: int, ranks: int, seed: int, epoch: int, shuffle: bool, drop: bool
) -> None:
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
        torchs: DistributedSampler[int] = DistributedSampler(
            range(count), num_replicas=ranks, rank=rank, shuffle=False, drop_last=drop
        )
        assert len(shares[-1]) == len(sampler) == len(torchs)
        if not shuffle:
            assert [index for _, index in shares[-1]] == list(torchs)
    order = (epoch_order(count, seed=seed, epoch=epoch) if shuffle else np.arange(count)).tolist()
    dealt = [index for turn in zip(*shares, strict=True) for _, index in turn]
    assert dealt[:count] == order[: len(dealt)]
    assert {key.epoch for share in shares for key in share} == {epoch}
    assert len(dealt) % ranks == 0 and abs(len(dealt) - count) < ranks


@pytest.mark.parametrize(("count", "batch", "ranks"), [(17, 4, 2), (1025, 64, 2), (8193, 128, 8), (50000, 128, 8)])
def test_ranks_take_equally_many_steps(count: int, batch: int, ranks: int) -> None:
    steps = {
        len(DataLoader(range(count), batch, sampler=EpochSampler(count, seed=0, rank=rank, num_replicas=ranks)))
        for rank in range(ranks)
    }
    assert len(steps) == 1


@given(start=st.integers(0, 60), ranks=st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_an_epoch_resumes_where_it_was_left(start: int, ranks: int) -> None:
    sampler = EpochSampler(50, seed=1, rank=ranks - 1, num_replicas=ranks)
    sampler.set_epoch(2)
    whole = list(sampler)
    sampler.set_epoch(2, start=start)
    assert list(sampler) == whole[start:] and len(sampler) == len(whole[start:])
    sampler.set_epoch(3)
    assert len(list(sampler)) == len(whole)


def test_each_iteration_is_the_next_epoch() -> None:
    """Who forgets `set_epoch` has no two equal epochs; who calls it has the one that was set."""
    sampler = EpochSampler(20, seed=1)
    assert [{key.epoch for key in sampler} for _ in range(3)] == [{0}, {1}, {2}]
    sampler.set_epoch(7, start=15)
    assert [len(sampler), *([len(list(sampler)) for _ in range(2)])] == [5, 5, 20]
    assert {key.epoch for key in sampler} == {9}


def test_the_process_group_says_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixmix._augment.sampler.rank_and_world", lambda: (1, 3))
    assert [key.index for key in EpochSampler(7, seed=0, shuffle=False)] == [1, 4, 0]


def test_orders_are_random_and_keyed() -> None:
    order = epoch_order(1000, seed=1, epoch=0)
    assert sorted(order.tolist()) == list(range(1000))
    assert not np.array_equal(order, epoch_order(1000, seed=1, epoch=1))
    assert not np.array_equal(order, epoch_order(1000, seed=2, epoch=0))
    np.testing.assert_array_equal(order, epoch_order(1000, seed=1, epoch=0))
    assert abs(np.corrcoef(order, np.arange(1000))[0, 1]) < 0.15
    assert list(EpochSampler(3, seed=0, shuffle=False)) == [(0, 0), (0, 1), (0, 2)]
    firsts = [epoch_order(5, seed=seed, epoch=0)[0] for seed in range(5000)]
    np.testing.assert_allclose(np.bincount(firsts) / 5000, 0.2, atol=0.03)
