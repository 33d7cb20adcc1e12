"""The shard: whole or absent, the same bytes for the same content, and no flipped byte goes unseen."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mixset import DamagedImage, InputError, ShardWriter
from mixset._common import partials
from mixset._common.partials import partial_of, remove_abandoned, write_atomically
from mixset._store.shards import read_info, read_record, verified_images, verify

RECIPE = {"family": "noise", "seed": 7}


def images(count: int, shape: tuple[int, int] = (12, 10), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape, 3), np.uint8)


def write(path: Path, array: np.ndarray, **options: object) -> Path:
    arguments = {"family": "noise", "recipe": RECIPE, "start_index": 30, "count": len(array), **options}
    with ShardWriter(path, shape=array.shape[1:3], **arguments) as writer:
        for index, image in enumerate(array):
            writer.add(image, 2**64 - 1 - index, {"name": f"Bäume {index}", "x": 0.1 * index})
    return path


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_what_was_written_is_read(tmp_path: Path, compression: str) -> None:
    array = images(5)
    path = write(tmp_path / "noise-00000.h5", array, compression=compression)
    info = verify(path)
    assert (info.family, info.recipe, info.start_index, info.count) == ("noise", RECIPE, 30, 5)
    assert (info.shape, info.compression) == ((12, 10), compression)
    np.testing.assert_array_equal(np.stack(list(verified_images(info))), array)
    record = read_record(path, 3)
    assert (record.seed, record.params) == (2**64 - 4, {"name": "Bäume 3", "x": 0.1 * 3})
    np.testing.assert_array_equal(record.image, array[3])


def test_the_format_is_the_documented_one(tmp_path: Path) -> None:
    with h5py.File(write(tmp_path / "a.h5", images(5))) as file:
        assert set(file) == {"images", "seed", "params"}
        assert set(file.attrs) == {"format", "format_version", "family", "recipe", "start_index", "content_hash"}
        assert all(file[name].fletcher32 for name in file)
        assert file["images"].chunks == (1, 12, 10, 3)
        assert file["seed"].dtype == np.uint64
        assert h5py.check_string_dtype(file["params"].dtype).encoding == "utf-8"
        assert h5py.check_string_dtype(file["params"].dtype).length is not None


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    first = write(tmp_path / "a.h5", images(5)).read_bytes()
    assert first == write(tmp_path / "b" / "other-name.h5", images(5)).read_bytes()
    assert first != write(tmp_path / "c.h5", images(5, seed=1)).read_bytes()


def test_content_hash_knows_no_compression_but_every_value(tmp_path: Path) -> None:
    array = images(3)
    plain = read_info(write(tmp_path / "a.h5", array)).content_hash
    assert plain == read_info(write(tmp_path / "b.h5", array, compression="gzip")).content_hash
    changed = array.copy()
    changed[2, -1, -1, -1] ^= 1
    assert plain != read_info(write(tmp_path / "c.h5", changed)).content_hash
    with ShardWriter(
        tmp_path / "d.h5", family="noise", recipe=RECIPE, start_index=30, shape=(12, 10), count=3
    ) as writer:
        for index, image in enumerate(array):
            writer.add(image, index, {"name": f"Bäume {index}", "x": 0.1 * index})
    assert plain != writer.content_hash


def test_fewer_images_than_announced_are_fine_and_more_are_not(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", images(3), count=10)
    assert verify(path).count == 3
    with pytest.raises(ValueError, match="full"):
        write(tmp_path / "b.h5", images(3), count=2)
    assert verify(write(tmp_path / "c.h5", images(0), count=4)).count == 0


def test_an_unknown_compression_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="compression: 'zip' is unknown; choose from none, gzip"):
        write(tmp_path / "a.h5", images(1), compression="zip")


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        ShardWriter(tmp_path / "a.h5", family="n", recipe={}, start_index=0, shape=(12, 10), count=4) as writer,
    ):
        writer.add(images(1)[0], 0, {})
        assert [path.suffix for path in tmp_path.iterdir()] == [".partial"]
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_images_of_another_shape_or_type_are_refused(tmp_path: Path) -> None:
    for wrong in (images(1, (12, 11))[0], images(1)[0].astype(np.float32), images(1)[0, ..., 0]):
        with pytest.raises(ValueError, match="the shard's are"):
            write_one(tmp_path / "a.h5", wrong)
    assert list(tmp_path.iterdir()) == []


def write_one(path: Path, image: np.ndarray) -> None:
    with ShardWriter(path, family="n", recipe={}, start_index=0, shape=(12, 10), count=1) as writer:
        writer.add(image, 0, {})


def test_abandoned_partials_go_and_living_ones_stay(tmp_path: Path) -> None:
    code = """
        import os, sys
        import numpy as np
        from mixset import ShardWriter
        with ShardWriter(sys.argv[1], family="n", recipe={}, start_index=0, shape=(8, 8), count=4) as writer:
            writer.add(np.zeros((8, 8, 3), np.uint8), 0, {})
            os.kill(os.getpid(), 9)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), tmp_path / "dead.h5"], check=False)
    assert [path.suffix for path in tmp_path.iterdir()] == [".partial"]
    with ShardWriter(tmp_path / "live.h5", family="n", recipe={}, start_index=0, shape=(8, 8), count=1) as writer:
        remove_abandoned(tmp_path)
        assert list(tmp_path.iterdir()) == [writer.partial]
        writer.add(np.zeros((8, 8, 3), np.uint8), 0, {})
    assert verify(tmp_path / "live.h5").count == 1


def test_hosts_that_share_a_folder_leave_each_other_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose locks are not seen here, and whose process ids mean others."""
    here = partial_of(tmp_path / "a.h5")
    monkeypatch.setattr(partials, "HOST", "node-17")
    there = partial_of(tmp_path / "a.h5")
    monkeypatch.undo()
    assert here != there
    for path in (here, there):
        path.write_bytes(b"half a shard")
    remove_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == [there]
    for age, remaining in ((24 * 3600, [there]), (24 * 3600 + 1, [])):
        monkeypatch.setattr(partials.time, "time", lambda age=age: there.stat().st_mtime + age)
        remove_abandoned(tmp_path)
        assert list(tmp_path.iterdir()) == remaining


def test_a_list_in_the_making_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync, seen = os.fsync, []

    def look(handle: int) -> None:
        remove_abandoned(tmp_path)
        seen.append(len(list(tmp_path.glob("*.partial"))))
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", look)
        write_atomically(tmp_path / "a.json", b"{", b"}")
    assert seen == [1, 0], "first the file, then the folder"
    assert (tmp_path / "a.json").read_bytes() == b"{}"
    assert list(tmp_path.iterdir()) == [tmp_path / "a.json"]


def test_partial_names_cannot_be_foreseen_and_fit_any_file(tmp_path: Path) -> None:
    assert partial_of(tmp_path / "a") != partial_of(tmp_path / "a")
    write_atomically(tmp_path / ("ä" * 127), b"x")


@pytest.mark.parametrize("name", ["movie.mp4.partial", "a.h5.12.partial", "a.12-host-0123.partial.partial", ".partial"])
def test_partial_files_of_other_programs_are_not_touched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("40 GB, half downloaded")
    (tmp_path / "b.12-x-0123456789abcdef.partial").symlink_to(tmp_path / name)
    remove_abandoned(tmp_path)
    assert (tmp_path / name).read_text() == "40 GB, half downloaded"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("whole") / "noise-00000.h5", images(4)).read_bytes()


@settings(max_examples=400, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_or_changes_nothing(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, place: float, bit: int
) -> None:
    """All but unused bytes have a checksum, the metadata too: without one a flipped bit there can hang HDF5."""
    damaged = bytearray(whole)
    damaged[int(place * len(whole))] ^= 1 << bit
    path = tmp_path_factory.getbasetemp() / "flipped.h5"
    path.write_bytes(damaged)
    try:
        info = verify(path)
        read = [read_record(path, index) for index in range(info.count)]
    except InputError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
        return
    assert whole[int(place * len(whole))] == 0
    assert (info.family, info.recipe, info.start_index) == ("noise", RECIPE, 30)
    np.testing.assert_array_equal(np.stack([record.image for record in read]), images(4))
    assert [record.seed for record in read] == [2**64 - 1 - index for index in range(4)]


def test_a_flipped_bit_in_an_image_names_its_index(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "noise-00000.h5"
    index = whole.index(images(4)[2].tobytes())
    path.write_bytes(whole[:index] + bytes([whole[index] ^ 1]) + whole[index + 1 :])
    with pytest.raises(DamagedImage, match=rf"image 2 of shard {path}"):
        verify(path)


@given(share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=50, deadline=None)
def test_a_truncated_shard_is_found(whole: bytes, tmp_path_factory: pytest.TempPathFactory, share: float) -> None:
    path = tmp_path_factory.getbasetemp() / "short.h5"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DamagedImage, match=r"short\.h5 is damaged"):
        verify(path)


def test_later_formats_and_other_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", images(1))
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 3
    with pytest.raises(InputError, match=r"a\.h5 has format version 3.*update mixset"):
        read_info(path)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["images"] = 1
    with pytest.raises(InputError, match=r"b\.h5"):
        read_info(tmp_path / "b.h5")
    with pytest.raises(InputError, match=r"c\.h5: no such file"):
        read_info(tmp_path / "c.h5")


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on file size stands in for the disk: the write fails in the same place, with another errno."""
    code = """
        import resource, sys
        import numpy as np
        from mixset import InputError, ShardWriter
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            with ShardWriter(sys.argv[1], family="n", recipe={}, start_index=0, shape=(64, 64), count=40) as writer:
                for index in range(40):
                    writer.add(np.full((64, 64, 3), index, np.uint8), 0, {})
        except InputError as error:
            print(index, error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), tmp_path / "a.h5"], capture_output=True, text=True, check=True
    )
    index, line = done.stdout.split(" ", 1)
    assert int(index) < 9, "found by the image that did not fit, not at the end"
    assert line.startswith(f"cannot write {tmp_path / 'a.h5'}: File too large")
    assert line.count("\n") == 1
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
