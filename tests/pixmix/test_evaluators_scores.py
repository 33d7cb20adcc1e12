"""Anomaly scores of an evaluation beside the same scores of outputs that are made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scored_samples as samples

import pixmix
from mixset._common.errors import InputError
from pixmix import measures, scores
from pixmix._evaluators.saved import read_logits

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS: dict[str, dict[str, float | str]] = {"vim": {"dimension": 5}, "nnguide": {"k": 5}, "knn": {"k": 7}}
ASK = ("rotpred", "odin")
"""Scores that ask the network about other images than those that are measured."""
NAMES = tuple(name for name in scores.SCORES if name not in ASK)
ALL = scores.ScoreSettings(names=NAMES, settings=SETTINGS)


@pytest.fixture
def ood(tmp_path: Path) -> Path:
    (tmp_path / "ood").mkdir()
    np.save(tmp_path / "ood" / "grey.npy", samples.REAL)
    return tmp_path / "ood"


def evaluate(ood: Path | None, **options: Any) -> dict[str, Any]:
    """The suite anomalies, and what is given beside the test images for scores."""
    given = {"held_out": samples.HELD, "training": samples.TRAINING, "scores": ALL} | options
    net = given.pop("network", None) or samples.network()
    suite = given.pop("suite", "anomalies")
    sets = {} if ood is None else {"sets": {"ood": ood}, "partial": True}
    return pixmix.evaluate(net, suite, samples.TEST, **sets, **given)


def material() -> scores.Material:
    net = samples.network()
    return scores.Material(
        training=samples.outputs(net, *samples.TRAINING),
        validation=samples.outputs(net, *samples.HELD),
        head=samples.head(net),
    )


def test_every_score_is_that_of_the_library(ood: Path) -> None:
    found = evaluate(ood)["anomalies"]
    net = samples.network()
    known, grey = samples.outputs(net, samples.TEST[0]), samples.outputs(net, samples.REAL[_drawn()])
    for name in NAMES:
        score = scores.make_score(name, material(), **SETTINGS.get(name, {}))
        entry = found["grey"] if name == "msp" else found["grey"][name]
        for measure, function in measures.DETECTION.items():
            value = function(score(known), score(grey))
            assert entry[measure]["value"] == pytest.approx(value, abs=1e-6), (name, measure)
            assert (entry[measure]["n"], entry[measure]["n_ood"]) == (50, 10)
        assert found["mean"]["auroc"]["sets"] == ["gaussian", "rademacher", "blobs"]
    assert found["mean"]["knn"]["settings"] == {"k": 7}
    assert found["mean"]["nnguide"]["settings"] == {"k": 5, "share": 0.01}
    assert "settings" not in found["mean"]["mds"]


def _drawn() -> np.ndarray:
    return measures.outlier_indices(50, len(samples.REAL), seed=0)


def test_the_papers_numbers_stay_as_they_are_beside_other_scores(ood: Path) -> None:
    plain = evaluate(ood, held_out=None, training=None, scores=None)["anomalies"]
    assert list(plain["mean"]) == [*measures.DETECTION, "max_logit", "energy"]
    chosen = evaluate(ood, scores=scores.ScoreSettings(names=("knn", "energy")))["anomalies"]
    assert list(chosen["mean"]) == [*measures.DETECTION, "knn", "energy"]
    for name, entry in plain.items():
        for measure in (*measures.DETECTION, "energy"):
            assert chosen[name][measure] == entry[measure]


def test_settings_are_tuned_on_held_out_images_and_outliers(ood: Path) -> None:
    given = {"tuning": samples.TUNING, "scores": scores.ScoreSettings(names=("gen", "knn", "mds"))}
    found = evaluate(ood, **given)["anomalies"]["mean"]
    net = samples.network()
    for name in ("gen", "knn"):
        validation, outliers = samples.outputs(net, *samples.HELD), samples.outputs(net, samples.TUNING[0])
        choice = scores.choose_settings(name, material(), validation, outliers)
        assert found[name]["settings"] == choice.settings
        assert [trial["settings"] for trial in found[name]["trials"]] == [settings for settings, _ in choice.trials]
        for trial, (_, value) in zip(found[name]["trials"], choice.trials, strict=True):
            assert trial["auroc"] == (None if value is None else pytest.approx(value, abs=1e-6))
    assert any(trial["auroc"] is None for trial in found["knn"]["trials"])  # k of 200 and more
    assert "trials" not in found["mds"]
    fixed = scores.ScoreSettings(names=("gen",), settings={"gen": {"gamma": 5}})
    found = evaluate(ood, tuning=samples.TUNING, scores=fixed)["anomalies"]["mean"]["gen"]
    assert found["settings"] == {"gamma": 5, "largest": 100} and "trials" not in found


def test_a_score_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = "import numpy as np\ndef make(material, power=2):\n    return lambda o: -np.abs(o.logits).sum(1) ** power\n"
    Path("mine.py").write_text(code)
    settings = scores.ScoreSettings(names=("mine.py:make",), settings={"mine.py:make": {"power": 1}})
    found = evaluate(None, scores=settings, held_out=None, training=None)["anomalies"]["mean"]["mine.py:make"]
    assert found["settings"] == {"power": 1} and 0 <= found["auroc"]["value"] <= 1


def test_a_rotation_head_is_asked_about_turned_images(ood: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    net: Any = samples.network()
    head = scores.Head(random.normal(size=(4, 12)).astype(np.float32), random.normal(size=4).astype(np.float32))
    settings = scores.ScoreSettings(names=("rotpred",), rotations=head)
    options = {"held_out": None, "training": None, "scores": settings, "logits_folder": tmp_path / "logits"}
    found = evaluate(ood, network=net, **options)["anomalies"]

    def by_hand(images: np.ndarray) -> np.ndarray:
        turned = [samples.outputs(net, np.rot90(images, turns, (1, 2)).copy()).features for turns in range(4)]
        said = np.stack([scores.logits_of(features, head) for features in turned if features is not None])
        return scores.rotpred(samples.outputs(net, images).logits, said)

    value = measures.auroc(by_hand(samples.TEST[0]), by_hand(samples.REAL[_drawn()]))
    assert found["grey"]["rotpred"]["auroc"]["value"] == pytest.approx(value, abs=1e-6)
    seen = net.body.seen
    assert evaluate(ood, network=net, **options)["anomalies"] == found
    assert net.body.seen == seen + 2  # the trial for the last layer
    other = scores.ScoreSettings(names=("rotpred",), rotations=scores.Head(-head.weight, head.bias))
    assert evaluate(ood, network=net, **{**options, "scores": other})["anomalies"]["grey"] != found["grey"]
    with pytest.raises(InputError, match="score rotpred: needs the rotation head of a network"):
        evaluate(ood, scores=scores.ScoreSettings(names=("rotpred",)))


def test_halves_are_calibrated_on_each_other() -> None:
    found = evaluate(None, suite="calibration", held_out="split", training=None, scores=None, seed=3)["calibration"]
    logits = samples.outputs(samples.network(), samples.TEST[0]).logits
    halves = np.array_split(np.random.default_rng(3).permutation(50), 2)
    fitted = [measures.fit_temperature(logits[other], samples.TEST[1][other]) for other in halves[::-1]]
    temperature = found["temperature"]
    assert temperature["of_halves"] == pytest.approx(fitted, rel=1e-6) and temperature["fitted_on"] == "split"
    assert temperature["value"] == pytest.approx(np.sqrt(np.prod(fitted)), rel=1e-6) and temperature["n"] == 50
    scaled = logits.copy()
    for half, divisor in zip(halves, fitted, strict=True):
        scaled[half] /= divisor
    assert found["nll_ts"]["value"] == pytest.approx(measures.nll(scaled, samples.TEST[1]), rel=1e-5)


def test_saved_outputs_give_the_same_without_the_network(ood: Path, tmp_path: Path) -> None:
    """Features as they are kept, and training logits of the last layer."""
    right = evaluate(ood, tuning=samples.TUNING)["anomalies"]
    saved = _saved(tmp_path)
    found = read_logits(saved, "anomalies", scores=ALL).measure()["anomalies"]
    for name in NAMES:
        ours, theirs = (each["grey"] if name == "msp" else each["grey"][name] for each in (found, right))
        assert ours["auroc"]["value"] == pytest.approx(theirs["auroc"]["value"], abs=1e-6), name
        assert found["mean"].get(name, {}).get("settings") == right["mean"].get(name, {}).get("settings")


def _saved(folder: Path, **others: Any) -> Path:
    net = samples.network()
    head = samples.head(net)
    arrays: dict[str, Any] = {"labels": samples.TEST[1], "held_out_labels": samples.HELD[1]}
    arrays |= {"train_labels": samples.TRAINING[1], "weight": head.weight, "bias": head.bias}
    for logits, features, images in (
        ("logits", "features", samples.TEST[0]),
        ("ood_grey", "features_ood_grey", samples.REAL[_drawn()]),
        ("held_out_logits", "features_held_out", samples.HELD[0]),
        ("tuning_logits", "features_tuning", samples.TUNING[0]),
        ("", "features_train", samples.TRAINING[0]),
    ):
        made = samples.outputs(net, images)
        arrays[features] = made.features
        arrays |= {logits: made.logits} if logits else {}
    arrays |= others
    np.savez(folder / "saved.npz", **{name: array for name, array in arrays.items() if array is not None})
    return folder / "saved.npz"


def _nan(rows: int, width: int) -> np.ndarray:
    """Rows of ones, the fourth of which has a NaN, and the last, if it is another, an infinity."""
    array = np.ones((rows, width))
    array[-1, 0], array[3, 0] = np.inf, np.nan
    return array


@pytest.mark.parametrize(
    ("others", "line"),
    [
        ({"features": None}, "score knn: needs the arrays features, and features_ood_NAME"),
        ({"features_ood_grey": None}, "score knn: needs the arrays features, and features_ood_NAME"),
        ({"features_train": None, "train_labels": None}, "score knn: needs the arrays features_train and train_labels"),
        ({"train_labels": None}, "holds features_train without train_labels; give them, too"),
        ({"features_train": None}, "holds train_labels alone; give train_logits, too"),
        (
            {"train_labels": np.arange(9)},
            "train_labels holds 9 labels, features_train 150 rows",
        ),
        (
            {"train_labels": np.arange(150) % 4 + 1},
            "train_labels run from 1 to 4, the logits have 4 classes",
        ),
        ({"features_train": np.ones((150, 7))}, "features_train has 7 values for an image, weight is for 12"),
        (
            {"features_train": _nan(150, 12)},
            "features_train: 2 of 150 rows are not finite, the first is row 3",
        ),
        ({"ood_grey": _nan(10, 4)}, "ood_grey: 2 of 10 rows are not finite, the first is row 3 (from 0); make"),
        ({"bias": _nan(4, 1)[:, 0]}, "bias: 1 of 4 rows are not finite, the first is row 3"),
        ({"bias": np.ones(3)}, "bias holds float64 (3,), needed are 4 numbers, one for each class"),
        ({"weight": np.ones(4)}, "weight holds float64 (4,), needed are numbers (classes, D)"),
        ({"features": np.full((50, 12), "a")}, "features holds <U1 (50, 12), needed are numbers (N, D)"),
        ({"features": np.ones((50, 12), complex)}, "its array features holds complex128, numbers are needed"),
        ({"weight": None}, "holds bias alone"),
        ({"weight": None, "bias": None}, "holds features_train, but not what the network makes of them: give weight"),
        ({"weight": np.eye(4, 12)}, "weight and bias do not make the logits of the features"),
        ({"weight": np.ones((5, 12)), "bias": np.ones(5)}, "the logits are of 4 classes"),
        ({"features_tuning": np.ones((20, 7))}, "features_tuning has 7 values for an image, features has 12"),
        ({"features": np.ones((9, 12))}, "features holds (9, 12), but there are logits of 50 images"),
        ({"features_ood_grey": np.full((10, 12), np.nan)}, "features_ood_grey: 10 of 10 rows are not finite"),
        ({"held_out_logits": None, "held_out_labels": None, "features_held_out": None}, "give held_out_logits and"),
        ({"tuning_logits": np.ones((20, 3)) * [0.5, 3, 4]}, "tuning_logits holds (20, 3), needed are (M, classes)"),
    ],
)
def test_saved_outputs_that_do_not_belong_together_are_refused(
    tmp_path: Path, others: dict[str, Any], line: str
) -> None:
    with pytest.raises(InputError) as refused:
        read_logits(_saved(tmp_path, **others), "anomalies", scores=scores.ScoreSettings(names=("knn",)))
    assert line in str(refused.value)


def test_turned_images_need_the_network(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="score rotpred: needs the network"):
        read_logits(_saved(tmp_path), "anomalies", scores=scores.ScoreSettings(names=("rotpred",)))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"training": None}, "score knn: needs the training images: `training`"),
        ({"held_out": None}, "score temperature: needs images that are held out"),
        ({"held_out": "split"}, "score temperature: needs images that are held out"),
        ({"held_out": samples.TEST}, "held_out: 50 of its 50 images are among the test images"),
        ({"training": samples.TEST}, "training: 50 of its 50 images are among the test images"),
        ({"held_out": samples.TRAINING}, "held_out: 150 of its 150 images are among the training images"),
        ({"tuning": (samples.REAL, np.full(30, -1))}, "tuning: 30 of its 30 images are among the grey outliers"),
        ({"tuning": samples.TUNING, "held_out": "split", "scores": None}, "tuning: outliers are told from held-out"),
        ({"suite": "clean"}, "training: is for scores, which no suite here measures"),
        ({"scores": ("knn",)}, "scores: ScoreSettings are needed"),
        ({"scores": scores.ScoreSettings(names=("knn",), settings={"knn": {"k": 999}})}, "score knn: "),
        ({"scores": scores.ScoreSettings(names=("knn",), layer="fc2")}, "layer fc2: the network has none"),
    ],
)
def test_what_scores_cannot_use_is_refused(ood: Path, options: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as refused:
        evaluate(ood, **options)
    assert str(refused.value).startswith(line)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"names": ("knm",)}, "score knm: unknown; the scores are msp, "),
        ({"names": "knn"}, "score: a list of scores' names is needed"),
        ({"names": ("knn",), "settings": {"gen": {"gamma": 1}}}, "score_settings gen: this score is not measured"),
        ({"names": ("knn",), "settings": {"knn": {"kk": 1}}}, "score_settings knn.kk: no such setting"),
        ({"features": "float8"}, "features: no format named 'float8'"),
    ],
)
def test_settings_that_cannot_be_are_refused(options: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as refused:
        scores.ScoreSettings(**options)
    assert str(refused.value).startswith(line)
