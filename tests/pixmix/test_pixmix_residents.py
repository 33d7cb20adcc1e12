"""Images on a device, whole or gathered: the same either way; and arrays on their way in one buffer."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays

from mixset._common.errors import InputError
from pixmix._augment import residents
from pixmix._augment.residents import Resident, Residents
from pixmix._augment.transfers import carry, pack, unpack

CPU = torch.device("cpu")


@pytest.fixture(params=["array", "memory map", "other layout"])
def images(request: pytest.FixtureRequest, photographs: Callable[..., np.ndarray], tmp_path: Path) -> np.ndarray:
    array = photographs(12, 20, 23)
    if request.param == "memory map":
        np.save(tmp_path / "pool.npy", array)
        return np.load(tmp_path / "pool.npy", mmap_mode="r")
    return np.asfortranarray(array) if request.param == "other layout" else array


@pytest.mark.parametrize("whole", [True, False])
def test_crops_are_slices(images: np.ndarray, whole: bool) -> None:
    resident = Resident(images, "cpu", whole=whole)
    assert (resident.tensor is not None) == whole and resident.array is images and len(resident) == 12
    rng = np.random.default_rng(0)
    indices = rng.integers(0, 12, 40)
    for height, width in ((16, 16), (20, 23), (1, 1), (20, 5)):
        tops, lefts = rng.integers(0, 21 - height, 40), rng.integers(0, 24 - width, 40)
        found = resident.crops(indices, tops.astype(np.int32), lefts, (height, width))
        assert found.dtype == torch.uint8 and found.device == CPU
        for n, (index, top, left) in enumerate(zip(indices, tops, lefts, strict=True)):
            np.testing.assert_array_equal(found[n], images[index, top : top + height, left : left + width])
    np.testing.assert_array_equal(resident.take(indices), images[indices])


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_taken_is_ones_own(photographs: Callable[..., np.ndarray], whole: bool) -> None:
    array = photographs(3, 8, 8)
    before = array.copy()
    Resident(array, "cpu", whole=whole).take(np.arange(3)).zero_()
    np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("whole", [True, False])
def test_nothing_is_taken_from_beyond(photographs: Callable[..., np.ndarray], whole: bool) -> None:
    resident = Resident(photographs(3, 8, 9), "cpu", whole=whole)
    one = np.ones(1, np.int64)
    for indices, tops, lefts, size in ((3, 0, 0, 4), (-1, 0, 0, 4), (0, 5, 0, 4), (0, 0, 6, 4), (0, -1, 0, 4)):
        with pytest.raises(InputError, match=r"there are 3|beyond the images of 8×9"):
            resident.crops(indices * one, tops * one, lefts * one, (size, size))
    assert resident.take(np.zeros(0, np.int64)).shape == (0, 8, 9, 3)
    assert Resident(np.zeros((0, 8, 9, 3), np.uint8), "cpu", whole=whole).take([]).shape == (0, 8, 9, 3)


def test_a_tensor_is_there_as_a_whole(photographs: Callable[..., np.ndarray]) -> None:
    tensor = torch.from_numpy(photographs(3, 8, 9))
    for layout in (tensor, tensor.transpose(1, 2).contiguous().transpose(1, 2)):
        resident = Resident(layout, "cpu")
        assert resident.tensor.is_contiguous() and torch.equal(resident.take([2, 0]), tensor[[2, 0]])
        assert torch.equal(resident.crops([1], [2], [3], (4, 5))[0], tensor[1, 2:6, 3:8])
    assert Resident(tensor, "cpu").tensor is tensor


def test_an_array_goes_over_in_pieces(photographs: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residents, "_PIECE", 500)
    array = photographs(12, 8, 9)
    np.testing.assert_array_equal(Resident(array, "cpu", whole=True).tensor, array)


def test_a_quarter_of_free_memory_is_taken(
    photographs: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    array = photographs(4, 8, 8)
    monkeypatch.setattr(residents, "_copy", lambda array, device: "there")
    for free, expected in ((4 * array.nbytes, "there"), (4 * array.nbytes - 4, None)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, 10 * free))
        assert Resident(array, "cuda").tensor == expected
    assert Resident(array, "cpu").tensor is None


def test_one_is_kept_until_another_array_comes(photographs: Callable[..., np.ndarray]) -> None:
    kept, one, other = Residents(), photographs(4, 8, 8), photographs(5, 8, 8)
    first = kept.get(one, CPU)
    assert kept.get(one, CPU) is first
    second = kept.get(other, CPU)
    assert second is not first and second.array is other
    for copied in (pickle.loads(pickle.dumps(kept)), copy.deepcopy(kept)):
        assert copied.get(other, CPU) is not second
    assert len(pickle.dumps(kept)) < 200


TYPES = st.sampled_from([np.uint8, np.int8, np.bool_, np.int32, np.int64, np.float32, np.float64])


@given(
    st.lists(TYPES.flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, min_side=0))), max_size=6)
)
@settings(deadline=None)
def test_arrays_arrive_as_they_left(made: list[np.ndarray]) -> None:
    named = {f"a{index}": array for index, array in enumerate(made)}
    arrived = unpack(pack(named).clone(), named)
    for name, array in (arrived | carry(CPU, **named)).items():
        assert array.numpy().dtype == named[name].dtype
        np.testing.assert_array_equal(array.numpy(), named[name])
    for name, array in arrived.items():
        np.testing.assert_array_equal(array.numpy(), named[name])
        assert array.data_ptr() % 64 == arrived["a0"].data_ptr() % 64


def test_layouts_and_read_only_arrays_are_carried() -> None:
    array = np.arange(12.0).reshape(3, 4).T
    array.flags.writeable = False
    for arrived in (carry(CPU, a=array), unpack(pack({"a": array}), {"a": array})):
        assert arrived["a"].is_contiguous()
        np.testing.assert_array_equal(arrived["a"], array)
