"""Kept logits: what is used again, what is not, and how a killed evaluation goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import evaluation_samples as samples
import numpy as np
import pytest
import reader_layouts as layouts
import torch

import pixmix
from mixset._common.errors import InputError
from pixmix.readers import CorruptedSet

pytestmark = pytest.mark.usefixtures("one_thread")

DATA = samples.test_images()
SUITES = ["clean", "calibration", "adversaries", "anomalies", "c", "p", "r"]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("sets")
    (root / "ood").mkdir()
    return {
        "c": layouts.cifar_c(root / "c", count=4),
        "p": layouts.cifar_p(root / "p", count=3),
        "r": samples.imagenet_r(root / "r"),
        "ood": samples.outlier_sets(root / "ood"),
    }


def test_nothing_goes_through_the_network_twice(tmp_path: Path, sets: dict[str, Path]) -> None:
    """But for one image each for p and r, which asks how many classes there are."""
    net: Any = samples.network(1000)
    first = pixmix.evaluate(net, SUITES, DATA, sets=sets, partial=True, logits_folder=tmp_path, batch_size=20)
    names = {path.stem for path in tmp_path.iterdir()}
    assert {"clean", "r", "c-fog-5", "c-spatter-1", "p-tilt", "ood_svhn", "ood_lsun", "outliers_blobs"} <= names
    assert len(names) == 1 + 2 + 3 + 5 + 19 * 5 + 14 + 1
    net.body.seen = 0
    again = pixmix.evaluate(net, SUITES, DATA, sets=sets, partial=True, logits_folder=tmp_path, batch_size=7)
    assert net.body.seen == 2
    assert again == first
    kept = np.load(tmp_path / "c-fog-5.npz", allow_pickle=False)
    assert np.array_equal(kept["logits"], samples.logits(net, np.load(sets["c"] / "fog.npy")[16:]))
    assert np.array_equal(kept["labels"], [0, 2, 4, 6])


def test_clean_images_are_forwarded_once_without_a_folder() -> None:
    net: Any = samples.network()
    pixmix.evaluate(net, ["clean", "calibration", "clean"], DATA)
    assert net.body.seen == len(DATA[1])


def forwarded(net: Any, folder: Path, suite: str, sets: dict, **options: object) -> int:
    net.body.seen = 0
    data = DATA if suite == "anomalies" else None
    pixmix.evaluate(net, suite, data, sets=sets, logits_folder=folder, **options)
    return net.body.seen


def test_other_weights_images_labels_and_protocols_are_forwarded(tmp_path: Path) -> None:
    root, folder = tmp_path / "c", tmp_path / "logits"
    layouts.cifar_c(root, count=4)
    net, options = samples.network(), {"sets": {"c": root}}
    assert forwarded(net, folder, "c", **options) == 19 * 20
    assert forwarded(net, folder, "c", **options) == 0
    fog = np.load(root / "fog.npy")
    fog[19, 31, 31, 2] ^= 1
    np.save(root / "fog.npy", fog)
    assert forwarded(net, folder, "c", **options) == 4  # its fifth severity
    np.save(root / "labels.npy", np.roll(np.load(root / "labels.npy"), 1))
    assert forwarded(net, folder, "c", **options) == 19 * 20
    with torch.no_grad():
        net.body.body[-1].bias[3] += 1e-6
    assert forwarded(net, folder, "c", **options) == 19 * 20
    other = pixmix.Normalized(net.body, [0.5] * 3, [0.4] * 3)
    assert forwarded(other, folder, "c", **options) == 19 * 20


def test_another_choice_of_outliers_is_forwarded(tmp_path: Path, sets: dict[str, Path]) -> None:
    net, options = samples.network(), {"sets": {"ood": sets["ood"]}}
    everything = 57 + 3 * 11 + 3 * 11 + 9 + 11  # three synthetic sets, places69 whole, a fifth of the others
    assert forwarded(net, tmp_path, "anomalies", **options) == everything
    assert forwarded(net, tmp_path, "anomalies", **options) == 0
    assert forwarded(net, tmp_path, "anomalies", seed=1, **options) == everything - 57 - 9  # places69 stays as it is


def test_files_read_in_another_way_are_forwarded(tmp_path: Path) -> None:
    root = layouts.imagenet_c(tmp_path / "c", ("fog",), per_class=1)
    net: Any = samples.network(3, 64)
    for resize, expected in ((False, 15), (True, 15), (True, 0)):
        reader = CorruptedSet(root, "c", size=64, resize=resize, partial=True)
        assert forwarded(net, tmp_path / "logits", "c", {"c": reader}) == expected
    image = root / "fog" / "2" / layouts.WNIDS[1] / "ILSVRC2012_val_00000010.JPEG"
    layouts.jpeg(image, layouts.bytes_of(64, 64, 3))
    assert forwarded(net, tmp_path / "logits", "c", {"c": reader}) == 3


def test_a_killed_evaluation_goes_on_after_the_last_set(tmp_path: Path, sets: dict[str, Path]) -> None:
    net: Any = samples.network()
    given = {name: sets[name] for name in ("c", "p")}
    whole = pixmix.evaluate(net, ["clean", "c", "p"], DATA, sets=given)
    done = 57 + 38 * 4
    net.body.seen, net.body.stop_at = 0, done + 3  # within the 39th set
    with pytest.raises(KeyboardInterrupt):
        pixmix.evaluate(net, ["clean", "c", "p"], DATA, sets=given, logits_folder=tmp_path, batch_size=2)
    assert len(list(tmp_path.iterdir())) == 1 + 38
    (tmp_path / "c-gaussian_noise-3.npz").write_bytes(b"cut short")
    net.body.seen, net.body.stop_at = 0, None
    again = pixmix.evaluate(net, ["clean", "c", "p"], DATA, sets=given, logits_folder=tmp_path, batch_size=2)
    frames = 3 * (12 * 31 + 21 + 16)
    assert net.body.seen == 4 + (95 - 38) * 4 + frames + 1
    assert again == whole


def test_damaged_logits_are_said_and_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net: Any = samples.network()
    first = pixmix.evaluate(net, "clean", DATA, logits_folder=tmp_path)
    path, whole = tmp_path / "clean.npz", (tmp_path / "clean.npz").read_bytes()
    for index in (0, 40, 200, len(whole) // 2, len(whole) - 90, len(whole) - 20, len(whole) - 1):
        path.write_bytes(whole[:index] + bytes([whole[index] ^ 8]) + whole[index + 1 :])
        net.body.seen = 0
        assert pixmix.evaluate(net, "clean", DATA, logits_folder=tmp_path) == first
        assert net.body.seen == 57
        assert f"{path} is damaged (" in capsys.readouterr().err
        assert path.read_bytes() == whole
    with np.load(path) as arrays:  # a file of 0.1.0 has no seal
        np.savez(path, **arrays)
    net.body.seen = 0
    assert pixmix.evaluate(net, "clean", DATA, logits_folder=tmp_path) == first
    assert net.body.seen == 0 and not capsys.readouterr().err


def test_logits_of_somebody_else_are_refused_and_stay(tmp_path: Path) -> None:
    path = tmp_path / "clean.npz"
    np.savez(path, logits=np.zeros((57, 3)), labels=np.zeros(57, int))
    whole = path.read_bytes()
    with pytest.raises(InputError, match=f"{path}: is of something else; move it"):
        pixmix.evaluate(samples.network(), "clean", DATA, logits_folder=tmp_path)
    assert path.read_bytes() == whole


def test_logits_of_whole_benchmarks_do_not_stay_in_memory(
    tmp_path: Path, sets: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pixmix._evaluators.store import LogitsStore

    stores = []
    begin = LogitsStore.__init__

    def remembered(self: LogitsStore, *arguments: object) -> None:
        begin(self, *arguments)
        stores.append(self)

    monkeypatch.setattr(LogitsStore, "__init__", remembered)
    pixmix.evaluate(samples.network(), ["clean", "c"], DATA, sets={"c": sets["c"]}, logits_folder=tmp_path)
    assert list(stores[0].kept) == ["clean"]
