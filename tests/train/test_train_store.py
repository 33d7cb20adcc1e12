"""Training on a stored training set is training on the folder it was made of, bit for bit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from run_samples import equal, quick, weights

from mixset._common.errors import InputError
from mixset._common.parsing import parse
from mixset._stored.import_stored import import_labelled
from mixset._stored.stored_set import open_stored
from pixmix._evaluators.image_sets import ImageSet
from pixmix._evaluators.overlap import check_apart
from pixmix.methods import Method
from pixmix.readers import read_class_map
from pixmix.train._ablations.config import AblateConfig
from pixmix.train._ablations.titles import title
from pixmix.train._command.corrupt import CorruptConfig, load_source
from pixmix.train._data import labelled
from pixmix.train._data.datasets import check_name, load_data, load_test, load_training, with_copies
from pixmix.train._data.place_names import in_words, last_part
from pixmix.train._evaluation.config import EvaluateConfig
from pixmix.train._evaluation.evaluate import evaluate
from pixmix.train._reports.report import ReportConfig, report
from pixmix.train._training.batches import BatchPlan, TrainingSet
from pixmix.train._training.loader import RingLoader, training_loader
from pixmix.train._training.run import train

pytestmark = pytest.mark.usefixtures("one_thread")
SIDE = 66


def write(root: Path, count: int, seed: int) -> None:
    """Images of 80 to 100 px of three classes, as JPEGs; some grey, some PNGs."""
    random = np.random.default_rng(seed)
    for label, name in enumerate(("10", "9", "owl")):
        (root / name).mkdir(parents=True)
        for number in range(count):
            coarse = random.integers(0, 128, (5, 5, 3)).astype(np.uint8) + np.uint8(60 * label)
            size = tuple(int(side) for side in random.integers(80, 100, 2))
            image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
            image = image.convert("L") if number == 1 else image
            image.save(root / name / f"{number}.{'png' if number == 2 else 'jpg'}")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`data`, `data`'s own bytes as a store in `exact`, and made smaller in `small`."""
    root = tmp_path_factory.mktemp("stores")
    write(root / "data" / "train", 6, 1)
    write(root / "data" / "val", 4, 2)
    import_labelled(root / "data", root / "exact", quiet=True)
    import_labelled(root / "data", root / "small", side=70, quiet=True)
    return root


@pytest.fixture
def both(root: Path) -> tuple[str, str]:
    return f"folder:{root / 'data'}", f"store:{root / 'exact'}"


def batches(name: str, workers: int, rank: int = 0, world: int = 1) -> Iterator[tuple[bytes, list[int], list[int]]]:
    train = load_data(name, size=SIDE).train
    images, plan = TrainingSet(train, Method(), seed=4, flip=True), BatchPlan(18, 8, seed=4, rank=rank, world=world)
    with closing(training_loader(images, plan, workers=workers, epochs=2)) as loader:
        assert isinstance(loader, RingLoader) == bool(workers)
        for epoch in range(2):
            plan.set_epoch(epoch)
            for batch in loader:
                assert batch.images is not None
                yield batch.images.numpy().tobytes(), batch.labels.tolist(), batch.indices.tolist()


@pytest.mark.parametrize(("workers", "rank", "world"), [(0, 0, 1), (2, 0, 1), (1, 1, 2)])
def test_batches_are_the_folders(workers: int, rank: int, world: int, both: tuple[str, str]) -> None:
    folder, store = both
    assert [*batches(store, workers, rank, world)] == [*batches(folder, 0, rank, world)]


def test_data_sets_are_the_folders(both: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "map.txt").write_text("10 0\n9 -\nowl 1\n")
    class_map = read_class_map(tmp_path / "map.txt")
    one, other = (load_data(name, size=SIDE) for name in both)
    assert one.classes == other.classes and one.mean == other.mean and one.size == other.size
    for first, second in ((one.train, other.train), (one.test, other.test)):
        assert first.labels.tolist() == second.labels.tolist()
        assert all(np.array_equal(first[index][0], second[index][0]) for index in range(len(first)))
    for of in (load_test, load_training):
        options = {"size": SIDE, "network": lambda side: ["x", "y"], "class_map": class_map}
        parts = [of(name, **options) for name in both]
        first, second = (part[1] if isinstance(part, tuple) else part for part in parts)
        assert first.labels.tolist() == second.labels.tolist() and {*first.labels.tolist()} == {0, 1}
        assert np.array_equal(first[5][0], second[5][0])
    names = [load_test(name, size=SIDE)[0] for name in both]
    assert names[0] == names[1] == ("10", "9", "owl")
    alone, _ = load_test(f"{both[1]}/val", size=SIDE)
    assert alone == names[0]
    assert [load_data(name).size for name in both] == [224, 224]
    stamps = {load_data(name, size=SIDE, subset=6).train.fingerprint() for name in (*both, both[1])}
    assert len(stamps) == 2 and load_data(both[1], size=SIDE).train.fingerprint() not in stamps


def test_small_images_are_held_in_memory(
    both: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelled, "KEPT_FROM", 6)
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path))
    one, other, again = (load_data(name, size=32).train.array for name in (*both, both[1]))
    assert one is not None and np.array_equal(one, other) and np.array_equal(one, again)
    assert len([*(tmp_path / "images").glob("*.npy")]) == 4  # two parts of each


def test_weights_are_the_folders(both: tuple[str, str], root: Path, tmp_path: Path) -> None:
    settings = {"size": SIDE, "batch_size": 6, "method": "baseline", "subset": 12, "test_subset": 3}
    for name, dataset in zip(("one", "other"), both, strict=True):
        train(quick(root, tmp_path / name, **settings, dataset=dataset))
    assert equal(weights(tmp_path / "one"), weights(tmp_path / "other"))
    metrics = json.loads((tmp_path / "other" / "metrics.json").read_text())
    assert metrics["dataset"] == "exact" and "stored" not in metrics
    logits = [tmp_path / "one" / "logits"]
    for name in ("exact", "small"):
        dataset, out = f"store:{root / name}", tmp_path / f"of-{name}"
        config = EvaluateConfig(
            model=str(tmp_path / "one"), suite=("clean",), size=SIDE, test_subset=3, dataset=dataset, out=out, workers=0
        )
        found = evaluate(config)
        assert found["dataset"] == dataset and ("stored" in found) == (name == "small")
        logits.append(out / "logits")
    own, exact, small = (np.load(folder / "clean.npz")["logits"] for folder in logits)
    assert np.array_equal(own, exact) and not np.array_equal(own, small)


def test_smaller_images_are_labelled_wherever_results_are(root: Path, tmp_path: Path) -> None:
    store = f"store:{root / 'small'}"
    few = {"subset": 3, "test_subset": 3}
    train(quick(root, tmp_path / "run", size=SIDE, dataset=store, method="baseline", **few))
    form = {part: {"side": 70, "jpeg": 90} for part in ("train", "val")}
    for file in ("config.json", "metrics.json"):
        assert json.loads((tmp_path / "run" / file).read_text())["stored"] == form
    report(ReportConfig(runs=(tmp_path / "run",), out=tmp_path / "page.html"))
    assert "small stored at 70 px?" in (tmp_path / "page.html").read_text()
    assert " on small stored at 70 px in place of" in title(AblateConfig(table="6", dataset=store))
    assert in_words({"train": {"side": 70}, "val": {"side": 80}}) == " stored at 70 px (train) and 80 px (val)"
    assert in_words({}) == "" and last_part("store:a/b/") == "b"


@pytest.mark.parametrize("skip", [False, True])
def test_a_damaged_image_is_what_a_broken_file_is(skip: bool, root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "data", tmp_path / "data")
    shutil.copytree(root / "exact", tmp_path / "exact")
    (tmp_path / "data" / "train" / "9" / "3.jpg").write_bytes(b"broken")
    (file,) = [file for file in open_stored(tmp_path / "exact" / "train").files if file.name == "9/3.jpg"]
    content = bytearray(file.shard.read_bytes())
    content[file.start + 40] ^= 1
    file.shard.write_bytes(content)
    made = []
    for name in (f"folder:{tmp_path / 'data'}", f"store:{tmp_path / 'exact'}"):
        images = TrainingSet(load_data(name, size=SIDE).train, Method(), seed=4, flip=True)
        batch = images.batch(0, np.arange(18))
        (broken,) = batch.broken
        assert broken.replaced and "9/3.jpg" in broken.line
        made.append((batch.images.numpy().tobytes(), batch.labels.tolist(), broken.image))
        if not skip:
            with pytest.raises(InputError, match=r"9/3\.jpg.*skip it with `skip_broken`"):
                train(quick(root, tmp_path / name[:3], size=SIDE, dataset=name, method="baseline"))
    assert made[0] == made[1]
    assert "its checksum does not match" in broken.line
    if skip:
        options = {"size": SIDE, "dataset": name, "method": "baseline", "test_subset": 3}
        train(quick(root, tmp_path / "run", **options, skip_broken=True))


def test_copies_join_a_store(both: tuple[str, str], tmp_path: Path) -> None:
    write(tmp_path / "copies", 2, 3)
    one, other = (with_copies(load_data(name, size=SIDE), tmp_path / "copies").train for name in both)
    assert len(one) == len(other) == 24 and one.labels.tolist() == other.labels.tolist()
    assert all(np.array_equal(one[index][0], other[index][0]) for index in range(24))
    some, same = one.take(np.array([20, 3])), other.take(np.array([20, 3]))
    assert np.array_equal(some[1][0], same[1][0]) and np.array_equal(some.share(0, 2)[0][0], same.share(0, 2)[0][0])
    assert other.fingerprint() != same.fingerprint()


def test_corruptions_are_the_folders(both: tuple[str, str], tmp_path: Path) -> None:
    one, other = (
        load_source(parse(CorruptConfig, "pixmix corrupt", [name, str(tmp_path / "out"), "--size", "80"]))
        for name in both
    )
    assert one.names == other.names and one.labels.tolist() == other.labels.tolist()
    assert np.array_equal(one.cropped(3), other.cropped(3)) and other.name == "exact"
    assert one.fingerprint() == other.fingerprint()


@pytest.mark.parametrize(("held_out", "measured"), [("folder", "store"), ("store", "folder"), ("store", "store")])
def test_images_of_a_store_are_told_from_held_out_ones(held_out: str, measured: str, root: Path) -> None:
    places = {"folder": f"folder:{root / 'data'}", "store": f"store:{root / 'exact'}"}
    test = ImageSet(load_test(places[measured], size=SIDE)[1])
    check_apart("held_out", ImageSet(load_training(places[held_out], size=SIDE)), "test images", test)
    with pytest.raises(InputError, match="held_out: 12 of its 12 images are among the test images; give others"):
        check_apart("held_out", ImageSet(load_test(places[held_out], size=SIDE)[1]), "test images", test)


def test_what_is_no_store_is_refused_in_one_line(root: Path, tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    shutil.copytree(root / "exact" / "val", tmp_path / "val")
    with pytest.raises(InputError, match=r"store:.*nowhere: has no training set train/; `mixset import FOLDER"):
        check_name(f"store:{root / 'nowhere'}")
    with pytest.raises(InputError, match="holds no training set; `mixset import FOLDER OUT --labels` makes one"):
        load_data(f"store:{tmp_path}")
    with pytest.raises(
        InputError, match=r"store:.*: has no training set in val/.* it is a plain folder: folder:.*/data$"
    ):
        load_test(f"store:{root / 'data'}")
    with pytest.raises(
        InputError, match=r"folder:.*: has no class folders in val/.*; it is a stored training set: store:"
    ):
        load_test(f"folder:{root / 'exact'}")
    with pytest.raises(InputError, match=r"exact: is a stored training set already; `mixset export`"):
        import_labelled(root / "exact", tmp_path / "again")
    with pytest.raises(InputError, match=r"unknown; use .*folder:PATH or store:PATH"):
        check_name("stores:x")
    (tmp_path / "val" / "mixset.json").rename(tmp_path / "val" / "unfinished.json")
    with pytest.raises(InputError, match="is unfinished"):
        load_test(f"store:{tmp_path}")
