"""Training sets that are damaged, cut or made to deceive: nothing but what was written is ever read from them."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from stored_samples import write_folder

from mixset import InputError
from mixset._common.errors import DamagedImage
from mixset._common.jsons import write_sealed_json
from mixset._store import manifest
from mixset._stored.check_stored import check_stored
from mixset._stored.import_stored import import_labelled
from mixset._stored.stored_index import read_index
from mixset._stored.stored_set import open_stored

SHARD = "labelled-00000.h5"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored")
    import_labelled(write_folder(folder / "data"), folder / "set", workers=1, quiet=True)
    return folder / "set"


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "set")
    return tmp_path / "set"


def seen(folder: Path) -> tuple[Any, ...]:
    """Everything that reading a set gives."""
    stored = open_stored(folder)
    files = [(file.name, file.content()) for file in stored.files]
    return stored.classes, stored.labels.tolist(), stored.sizes.tolist(), files, stored.side, stored.jpeg


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_is_found_or_changes_nothing(
    made: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp() / "flipped"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, folder)
    path = folder / data.draw(st.sampled_from([SHARD, manifest.NAME]))
    content = bytearray(path.read_bytes())
    # Half of the bits are drawn from the last 4,000 bytes, where the index is.
    first = data.draw(st.sampled_from([0, max(0, len(content) - 4_000)]))
    content[data.draw(st.integers(first, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        after = seen(folder)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert after == seen(made)
    if path.name == SHARD:
        assert check_stored(folder, quiet=True).damage


@settings(max_examples=12, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_cut_shard_is_found(made: Path, tmp_path_factory: pytest.TempPathFactory, share: float) -> None:
    folder = tmp_path_factory.getbasetemp() / "cut"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, folder)
    content = (folder / SHARD).read_bytes()
    (folder / SHARD).write_bytes(content[: int(share * len(content))])
    with pytest.raises(DamagedImage, match=rf"{SHARD} is damaged"):
        open_stored(folder)
    assert len(check_stored(folder, quiet=True).damage) == 1


def test_a_shard_that_is_cut_or_gone_after_opening_is_named(own: Path) -> None:
    stored = open_stored(own)
    (own / SHARD).write_bytes((own / SHARD).read_bytes()[: stored.files[5].start + 5])
    assert stored.files[4].content()
    with pytest.raises(DamagedImage, match=r"its shard is damaged \(cut\)"):
        stored.files[5].content()
    (own / SHARD).unlink()
    assert stored.files[4].content()  # it is open
    with pytest.raises(InputError, match="its shard: no such file"):
        stored.files[4]._replace(shard=own / "gone.h5").content()
    assert check_stored(own, quiet=True).damage == [f"shard {own / SHARD} is missing"]


def rewritten(path: Path, change: Callable[[h5py.File], None]) -> None:
    """A shard made anew by hand: valid HDF5 whose checksums fit its lies."""
    with h5py.File(path, "r") as file:
        columns = {name: file[name][:] for name in ("index", "names", "bytes")}
        attributes = dict(file.attrs)
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        for name in ("index", "names"):
            shape = columns[name].shape
            file.create_dataset(name, data=columns[name], chunks=shape, maxshape=shape, fletcher32=True)
        file.create_dataset("bytes", data=columns["bytes"])
        file.attrs.update(attributes)
        change(file)


def replaced(name: str, data: np.ndarray, **options: Any) -> Callable[[h5py.File], None]:
    """What puts another dataset in the place of one."""

    def change(file: h5py.File) -> None:
        del file[name]
        if name != "bytes":
            options.setdefault("chunks", data.shape)
            options.setdefault("maxshape", data.shape)
            options.setdefault("fletcher32", True)
        file.create_dataset(name, data=data, **options)

    return change


def column(made: Path, name: str) -> np.ndarray:
    with h5py.File(made / SHARD, "r") as file:
        return file[name][:]


def index_with(made: Path, field: str, place: int, value: int) -> np.ndarray:
    index = column(made, "index")
    index[field][place] = value
    return index


def names_with(made: Path, new: bytes) -> np.ndarray:
    """The names, of which the first is another."""
    _, rest = column(made, "names").tobytes().split(b"\0", 1)
    return np.frombuffer(new + b"\0" + rest, np.uint8)


def linked(file: h5py.File) -> None:
    del file["bytes"]
    file["bytes"] = h5py.ExternalLink("/etc/passwd", "bytes")


def external(file: h5py.File) -> None:
    size = file["bytes"].size
    del file["bytes"]
    file.create_dataset("bytes", (size,), np.uint8, external=[("/etc/passwd", 0, size)])


def never_written(file: h5py.File) -> None:
    size = file["bytes"].size
    del file["bytes"]
    file.create_dataset("bytes", (size,), np.uint8)


def huge(file: h5py.File) -> None:
    del file["bytes"]
    file.create_dataset("bytes", (1 << 50,), np.uint8)


LIES: dict[str, Callable[[Path], Callable[[h5py.File], None]]] = {
    "a length too long": lambda made: replaced("index", index_with(made, "length", 3, (1 << 32) - 1)),
    "a length too short": lambda made: replaced("index", index_with(made, "length", 3, 1)),
    "a negative label": lambda made: replaced("index", index_with(made, "label", 0, -1)),
    "another type": lambda made: replaced("index", column(made, "index")["crc"]),
    "no rows": lambda made: replaced("index", column(made, "index")[:0], chunks=(1,), maxshape=(1,)),
    "fewer rows": lambda made: replaced("index", column(made, "index")[:5]),
    "no checksum": lambda made: replaced("index", column(made, "index"), fletcher32=False),
    "a filter": lambda made: replaced("names", column(made, "names"), compression="gzip"),
    "one name too many": lambda made: replaced("names", names_with(made, b"a\0b")),
    "a name above": lambda made: replaced("names", names_with(made, b"../ant/0.png")),
    "a name of parts above": lambda made: replaced("names", names_with(made, b"ant/../../0.png")),
    "a name ending above": lambda made: replaced("names", names_with(made, b"ant/..")),
    "an absolute name": lambda made: replaced("names", names_with(made, b"/ant/0.png")),
    "an empty name": lambda made: replaced("names", names_with(made, b"")),
    "compressed bytes": lambda made: replaced("bytes", column(made, "bytes"), compression="gzip"),
    "bytes in chunks": lambda made: replaced("bytes", column(made, "bytes"), chunks=(100,)),
    "bytes elsewhere": lambda made: linked,
    "bytes of another file": lambda made: external,
    "bytes never written": lambda made: never_written,
    "bytes without end": lambda made: huge,
    "another kind": lambda made: lambda file: file.attrs.__setitem__("kind", b"png"),
    "a later version": lambda made: lambda file: file.attrs.__setitem__("format_version", 3),
    "no hash": lambda made: lambda file: file.attrs.__setitem__("content_hash", b"0" * 63),
}


@pytest.mark.parametrize("lie", LIES)
def test_claims_are_checked_before_anything_is_read_by_them(lie: str, made: Path, own: Path) -> None:
    rewritten(own / SHARD, lambda file: None)
    assert read_index(own / SHARD).count == 12  # by hand a true one passes
    rewritten(own / SHARD, LIES[lie](made))
    with pytest.raises(DamagedImage, match=rf"shard .*{SHARD} is damaged") as caught:
        read_index(own / SHARD)
    assert "\n" not in str(caught.value)


def test_checksums_that_fit_other_bytes_do_not_pass_a_check(own: Path) -> None:
    """Bytes and their CRC changed alike: found by the content hash, and by that of the list."""

    def change(file: h5py.File) -> None:
        index, content = file["index"][:], file["bytes"]
        content[0] ^= 1
        index["crc"][0] = zlib.crc32(content[: index["length"][0]].tobytes())
        replaced("index", index)(file)

    rewritten(own / SHARD, change)
    (line,) = check_stored(own, quiet=True).damage
    assert "its content hash does not match" in line


def test_a_list_that_is_not_of_these_shards_is_refused(own: Path, made: Path) -> None:
    true = manifest.read_json(own / manifest.NAME) or {}
    lies: list[tuple[dict[str, Any], str]] = [
        ({"classes": ["ant", "bee"]}, "labels and classes disagree"),
        ({"classes": ["ant", "bee", "bee"]}, "two classes have one name"),
        ({"classes": ["ant", "bee", "../cat"]}, "not a plain name"),
        ({"classes": None}, "is damaged"),
        ({"recipe": {**true["recipe"], "side": "256"}}, "no such side"),
        ({"shards": [{**true["shards"][0], "content_hash": "0" * 64}]}, f"is not the one {manifest.NAME} lists"),
        ({"shards": [{**true["shards"][0], "name": "../x.h5"}]}, "not a plain name"),
        ({"shards": [], "count": 0}, "holds no image"),
        ({"format_version": 3}, "has format version 3"),
        ({"format_version": 1}, "missing or unknown"),
    ]
    for change, line in lies:
        write_sealed_json(own / manifest.NAME, {**true, **change})
        with pytest.raises(InputError, match=line):
            open_stored(own)
    write_sealed_json(own / manifest.NAME, {**true, "classes": ["ant", "bee", "cow"]})
    (line,) = check_stored(own, quiet=True).damage
    assert line.endswith("has the label of class cow")
    write_sealed_json(own / manifest.NAME, true)
    assert seen(own) == seen(made)
