"""MixingSet: one sequence over many folders, in any process, with damage named."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from mixset_samples import MakeSet, flip, noise
from PIL import Image

from mixset import DamagedImage, InputError, MixingSet
from mixset._common.jsons import write_sealed_json
from mixset._store import manifest, open_shards


def test_it_is_a_sequence_over_its_sources(make_set: MakeSet, tmp_path: Path) -> None:
    first, second = noise(10), noise(7, (8, 24), seed=1)
    images = MixingSet(make_set("a", first), make_set("b", second))
    assert (len(images), images.counts) == (17, (10, 7))
    for index, expected in enumerate([*first, *second]):
        np.testing.assert_array_equal(images[index], expected)
    np.testing.assert_array_equal(images[-1], second[-1])
    np.testing.assert_array_equal(np.stack(images[2:9:3]), first[2:9:3])
    np.testing.assert_array_equal(images[np.int64(3)], first[3])
    for outside in (17, -18):
        with pytest.raises(IndexError):
            images[outside]
    assert [image.shape for image in images] == [(16, 16, 3)] * 10 + [(8, 24, 3)] * 7
    assert images.describe().splitlines() == [
        f"{tmp_path / 'a'}: 10 noise, drawn 59% of the time",
        f"{tmp_path / 'b'}: 7 noise, drawn 41% of the time",
    ]


def test_weights_default_to_uniform_over_images(make_set: MakeSet) -> None:
    a, b = make_set("a", noise(6)), make_set("b", noise(2))
    assert MixingSet(a, b).weights == (0.75, 0.25)
    assert MixingSet(a, b, weights=(1, 3)).weights == (0.25, 0.75)
    for wrong in ((1,), (1, 2, 3), (0, 0), (-1, 2), (float("nan"), 1), (float("inf"), 1)):
        with pytest.raises(InputError, match="weights"):
            MixingSet(a, b, weights=wrong)


def test_families_select(make_set: MakeSet) -> None:
    make_set("a", noise(5), family="fractals", finish=False)
    folder = make_set("a", noise(6, seed=1), family="fvis")
    assert MixingSet(folder).counts == (11,)
    np.testing.assert_array_equal(MixingSet(folder, families=["fvis"])[5], noise(6, seed=1)[5])
    with pytest.raises(InputError, match=r"holds no images of dead-leaves; it has fractals \(5\), fvis \(6\)"):
        MixingSet(folder, families=["dead-leaves"])


def test_image_folders_in_any_nesting(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    array = noise(3)
    for index, name in enumerate(["a.png", "deep/er/b c.PNG", "ünï/c.png"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array[index]).save(folder / name)
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_text("no image")
    images = MixingSet(folder)
    assert sorted(image.tobytes() for image in images) == sorted(one.tobytes() for one in array)
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:100])
    with pytest.raises(DamagedImage, match=r"broken\.png: .*`mixset import .*` leaves broken images out"):
        list(MixingSet(folder))


def test_the_papers_archive_unpacked_has_its_two_families(tmp_path: Path) -> None:
    for name in ("fractals/images/a b.png", "first_layers_resized256_onevis/images/12.png"):
        path = tmp_path / "fractals_and_fvis" / name
        path.parent.mkdir(parents=True)
        Image.fromarray(noise(1)[0]).save(path)
    assert MixingSet(tmp_path / "fractals_and_fvis").describe().endswith(": 1 fractals, 1 fvis")
    assert len(MixingSet(tmp_path / "fractals_and_fvis", families=["fvis"])) == 1


def read(images: MixingSet, index: int) -> bytes:
    return images[index].tobytes()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_read_the_same(make_set: MakeSet, method: str) -> None:
    array = noise(9)
    images = MixingSet(make_set("a", array))
    assert images[0] is not None  # a file is open when the processes start
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        found = list(pool.map(read, [images] * 9, range(9)))
    assert found == [image.tobytes() for image in array]
    assert len(pickle.dumps(images)) < 5_000


inherited: MixingSet | None = None


def read_inherited(index: int) -> tuple[bytes, int]:
    return inherited[index].tobytes(), len(inherited._files.files)


def test_a_forked_process_opens_its_own_files(make_set: MakeSet, monkeypatch: pytest.MonkeyPatch) -> None:
    array = noise(9)
    images = MixingSet(make_set("a", array))
    assert [images[index] is not None for index in (0, 4)] == [True, True]
    monkeypatch.setattr(sys.modules[__name__], "inherited", images)
    for index in range(9):
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
            assert pool.submit(read_inherited, index).result() == (array[index].tobytes(), 1)
    assert len(images._files.files) == 2


def test_more_shards_than_may_be_open(make_set: MakeSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_shards, "MOST", 2)
    array = noise(20)
    images = MixingSet(make_set("a", array))
    for index in np.random.default_rng(0).permutation(20):
        np.testing.assert_array_equal(images[index], array[index])
    assert len(images._files.files) == 2


def test_threads_read_more_shards_than_may_be_open(make_set: MakeSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_shards, "MOST", 2)
    array = noise(48)
    images = MixingSet(make_set("a", array[:24]), make_set("b", array[24:]))
    order = np.random.default_rng(0).integers(0, 48, 800)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(images.__getitem__, order))
    assert all((one == array[index]).all() for index, one in zip(order, found, strict=True))


def test_the_limit_of_open_files_is_kept_and_said(make_set: MakeSet) -> None:
    """Twelve sets of shards, where forty files may be open, and nothing is; then where none may be opened at all."""
    code = """
        import resource, sys
        from mixset import InputError, MixingSet
        sets = [MixingSet(sys.argv[1]) for _ in range(12)]
        sets[0][0]
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        for images in sets:
            for index in range(0, 48, 4):
                images[index]
        blocked = []
        def fill():
            while True:
                try:
                    blocked.append(open(sys.argv[1] + "/mixset.json"))
                except OSError:
                    return
        fill()
        sets[0][0], sets[1][0]  # those of ours make room
        for images in sets:
            images._files.files.clear()
        fill()
        try:
            sets[2][0]
        except InputError as error:
            print(type(error).__name__, error)
    """
    folder = make_set("a", noise(48))
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"InputError shard {folder}/noise-00000.h5 cannot be read: too many open files (raise the limit: ulimit -n)\n"
    )


def test_a_damaged_image_is_named_by_shard_and_index(make_set: MakeSet) -> None:
    array = noise(8)
    folder = make_set("a", array)
    flip(folder / "noise-00001.h5", array[6].tobytes())
    images = MixingSet(folder)
    np.testing.assert_array_equal(images[7], array[7])
    with pytest.raises(DamagedImage, match=r"image 2 of shard .*noise-00001\.h5 is damaged"):
        images[6]


def test_bad_sources_get_one_line(make_set: MakeSet, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.tar").write_text("")
    cases = {
        "missing": "does not exist",
        "empty": r"holds no shards \(\*\.h5\) and no images",
        "file.tar": "is not a folder; `mixset import",
    }
    for name, words in cases.items():
        with pytest.raises(InputError, match=words):
            MixingSet(tmp_path / name)
    with pytest.raises(InputError, match="at least one folder"):
        MixingSet()
    folder = make_set("a", noise(8))
    (folder / "noise-00000.h5").unlink()
    with pytest.raises(InputError, match=r"lacks shard noise-00000\.h5"):
        MixingSet(folder)
    (folder / manifest.NAME).write_text("{")
    with pytest.raises(DamagedImage, match=r"mixset\.json is damaged"):
        MixingSet(folder)
    (folder / manifest.NAME).unlink()
    assert len(MixingSet(folder)) == 4, "loose shards are taken as they are"
    (folder / manifest.UNFINISHED).write_text("{}")
    with pytest.raises(InputError, match="is unfinished"):
        MixingSet(folder)


def test_a_shard_of_another_set_is_not_taken(make_set: MakeSet) -> None:
    folder, other = make_set("a", noise(4)), make_set("b", noise(4, seed=1))
    (other / "noise-00000.h5").replace(folder / "noise-00000.h5")
    with pytest.raises(DamagedImage, match=r"is not the one mixset\.json lists"):
        MixingSet(folder)


def test_a_later_manifest_is_refused(make_set: MakeSet) -> None:
    path = make_set("a", noise(4)) / manifest.NAME
    write_sealed_json(path, (manifest.read_json(path) or {}) | {"format_version": 3})
    with pytest.raises(InputError, match=r"format version 3.*update mixset"):
        MixingSet(path.parent)
