"""Small training images that cannot be read: left out, counted and named as large ones are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from test_train_run import equal, quick, weights

from mixset._common.errors import InputError
from pixmix.methods._base import Method
from pixmix.train._data import labelled
from pixmix.train._data.datasets import load_data, load_test, load_training, with_copies
from pixmix.train._training.batches import BatchPlan, TrainingSet
from pixmix.train._training.broken import BrokenImages
from pixmix.train._training.loader import training_loader
from pixmix.train._training.run import train

pytestmark = pytest.mark.usefixtures("one_thread")
COUNT = 40


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 training images of 16 px in two classes, 4 test images, and 2 copies of the first class."""
    root, chance = tmp_path_factory.mktemp("noise"), np.random.default_rng(0)
    for folder, count in (("train/a", 20), ("train/b", 20), ("test/a", 2), ("test/b", 2), ("copies/a", 2)):
        (root / folder).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(chance.integers(0, 256, (16, 16, 3), np.uint8)).save(root / folder / f"{number:02}.png")
    return root


@pytest.fixture
def damaged(noise: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the data set in which some images are cut; those of training by number, others by path."""

    def damage(*which: int | str) -> Path:
        root = tmp_path / "data"
        shutil.copytree(noise, root)
        for each in which:
            path = root / (each if isinstance(each, str) else f"train/{'ab'[each // 20]}/{each % 20:02}.png")
            path.write_bytes(path.read_bytes()[:60])
        return root

    return damage


def test_the_next_image_that_can_be_read_is_there_with_its_label(noise: Path, damaged: Callable[..., Path]) -> None:
    """From the first, which says the size, over the classes' border, and from the last on to the beginning."""
    whole, data = load_data(f"folder:{noise}").train, load_data(f"folder:{damaged(0, 18, 19, 39)}", skip_broken=True)
    others = {0: 1, 18: 20, 19: 20, 39: 1}
    order = [others.get(index, index) for index in range(COUNT)]
    assert whole.array is not None and data.train.array is not None
    assert np.array_equal(data.train.array, whole.array[order])
    assert np.array_equal(data.train.labels, whole.labels[order])
    assert [each.image for each in data.broken] == [0, 18, 19, 39] and all(each.replaced for each in data.broken)
    assert "a/18.png: " in data.broken[1].line


def test_it_is_as_with_files_read_each_time(damaged: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    root = damaged(3, 19)
    small = load_data(f"folder:{root}", size=16, skip_broken=True)
    monkeypatch.setattr(labelled, "IN_MEMORY", 8)
    large = load_data(f"folder:{root}", size=16, skip_broken=True)
    assert small.train.array is not None and large.train.array is None and large.broken == ()
    one, other = (TrainingSet(d.train, Method(), seed=0, flip=True, broken=d.broken) for d in (small, large))
    for indices in (np.array([19, 4, 3]), np.array([5, 6])):
        assert one.batch(0, indices).broken == other.batch(0, indices).broken
        assert torch.equal(one.batch(0, indices).labels, other.batch(0, indices).labels)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("tensors", [False, True])
def test_each_process_counts_its_own_and_one_names_them(
    workers: int, tensors: bool, damaged: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    data = load_data(f"folder:{damaged(3, 19, 30)}", skip_broken=True)
    counts = []
    for rank in range(2):
        images = TrainingSet(data.train, Method(), seed=0, flip=True, tensors=tensors, broken=data.broken)
        broken = BrokenImages(skip=True, alone=False)
        broken.name(data.broken, quiet=rank > 0)
        loader = training_loader(images, BatchPlan(COUNT, 8, seed=0, rank=rank, world=2), workers=workers)
        for batch in loader:
            broken.take(batch.broken)
        loader.close()
        counts.append(broken.count)
        assert broken.error is None
    assert sum(counts) == 3 and max(counts) < 3
    said = capsys.readouterr().err
    assert [said.count(f"{name}.png: ") for name in ("a/03", "a/19", "b/10")] == [1, 1, 1]


def test_copies_are_left_out_too(noise: Path, damaged: Callable[..., Path]) -> None:
    root = damaged(39, "copies/a/01.png")
    data = with_copies(load_data(f"folder:{root}", skip_broken=True), root / "copies", skip_broken=True)
    whole = with_copies(load_data(f"folder:{noise}"), noise / "copies").train
    assert data.train.array is not None and whole.array is not None
    assert np.array_equal(data.train.array[[39, 41]], whole.array[[40, 0]])  # in the order of both together
    assert [each.image for each in data.broken] == [39, 41]
    with pytest.raises(InputError, match=r"copies/a/01\.png: .*; or skip it with `skip_broken`$"):
        with_copies(load_data(f"folder:{noise}"), root / "copies")


def test_without_the_flag_the_first_one_ends_the_run_before_it_begins(damaged: Callable[..., Path]) -> None:
    root = damaged(0)
    for size in (None, 16):
        with pytest.raises(InputError, match=r"a/00\.png: .*; or skip it with `skip_broken`$"):
            load_data(f"folder:{root}", size=size)
    with pytest.raises(InputError, match=r"a/00\.png: [^`]*$"):
        load_training(f"folder:{root}", size=16)  # for an evaluation, which has no such flag


def test_too_many_in_a_row_end_it_all_the_same(damaged: Callable[..., Path]) -> None:
    root = damaged(*range(17), "test/b/01.png")
    for size in (None, 16):
        with pytest.raises(InputError, match=r"a/00\.png: .*; so are the 16 after it$"):
            load_data(f"folder:{root}", size=size, skip_broken=True)
    with pytest.raises(InputError, match=r"b/01\.png: [^`]*$"):
        load_test(f"folder:{root}", size=16)


def test_test_images_are_never_left_out(damaged: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"test/b/01\.png: [^`]*$"):
        load_data(f"folder:{damaged('test/b/01.png')}", skip_broken=True)


def test_what_was_read_in_part_is_not_kept(damaged: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelled, "KEPT_FROM", 10)
    root = damaged(3)
    first = load_data(f"folder:{root}", skip_broken=True)
    assert load_data(f"folder:{root}", skip_broken=True).broken == first.broken != ()
    with pytest.raises(InputError, match=r"a/03\.png"):
        load_data(f"folder:{root}")


def test_a_resumed_run_leaves_out_the_same(damaged: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    root = damaged(3, 25)

    def run(out: str, epochs: int, **more: Any) -> Path:
        train(quick(root, root / out, batch_size=16, epochs=epochs, skip_broken=True, **more))
        return root / out

    whole = run("whole", 2)
    said = capsys.readouterr().err
    assert [said.count(f"skipped: image {root}/train/{name}: ") for name in ("a/03.png", "b/05.png")] == [1, 1]
    log = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert [entry["skipped"] for entry in log] == [2, 2]
    broken_off = root / "broken off"
    shutil.copytree(whole, broken_off)
    for name in ("metrics.json", "weights.safetensors"):
        (broken_off / name).unlink()
    sorted((broken_off / "checkpoints").iterdir())[-1].unlink()
    assert equal(weights(run("broken off", 2, resume=True)), weights(whole))
    assert json.loads((broken_off / "log.jsonl").read_text().splitlines()[-1])["skipped"] == 2
