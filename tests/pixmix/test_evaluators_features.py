"""Penultimate features: which layer has them, how they are kept beside the logits, and when they are used again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scored_samples as samples
import torch
from torch import Tensor, nn

import pixmix
from mixset._common.errors import InputError
from pixmix import scores
from pixmix._evaluators.last_layer import LastLayer, find_last_layer

pytestmark = pytest.mark.usefixtures("one_thread")

KNN = scores.ScoreSettings(names=("knn",), settings={"knn": {"k": 3}})


def evaluate(folder: Path | None, net: Any, settings: scores.ScoreSettings = KNN, **options: Any) -> dict[str, Any]:
    given = {"training": samples.TRAINING, "logits_folder": folder, "scores": settings} | options
    return pixmix.evaluate(net, ["clean", "anomalies"], samples.TEST, **given)


def test_features_lie_beside_logits_with_the_last_layer(tmp_path: Path) -> None:
    net = samples.network()
    evaluate(tmp_path, net)
    names = {"clean", "training", "outliers_gaussian", "outliers_rademacher", "outliers_blobs"}
    assert {path.stem for path in tmp_path.glob("*.npz")} == names
    assert {path.stem for path in (tmp_path / "features").iterdir()} == {*names, "head"}
    weight, bias = (np.load(tmp_path / "features" / "head.npz")[part] for part in ("weight", "bias"))
    for name, (images, labels) in {"clean": samples.TEST, "training": samples.TRAINING}.items():
        features = np.load(tmp_path / "features" / f"{name}.npz")["features"]
        logits = np.load(tmp_path / f"{name}.npz")
        by_hand = samples.outputs(net, images)
        assert by_hand.features is not None and features.dtype == np.float32
        np.testing.assert_allclose(features, by_hand.features, rtol=1e-6)
        np.testing.assert_allclose(logits["logits"], features @ weight.T + bias, atol=1e-4)
        assert np.array_equal(logits["labels"], labels)


def test_logits_are_written_as_without_features(tmp_path: Path) -> None:
    net = samples.network()
    evaluate(tmp_path / "with", net)
    pixmix.evaluate(net, "clean", samples.TEST, logits_folder=tmp_path / "without")
    assert (tmp_path / "with" / "clean.npz").read_bytes() == (tmp_path / "without" / "clean.npz").read_bytes()
    assert not (tmp_path / "without" / "features").exists()


def forwarded(folder: Path, net: Any, settings: scores.ScoreSettings = KNN, **options: Any) -> int:
    net.body.seen = 0
    evaluate(folder, net, settings, **options)
    return net.body.seen


ALL = 50 + 150 + 3 * 10
TRIAL = 2


def test_features_are_used_again_where_all_is_as_it_was(tmp_path: Path) -> None:
    net: Any = samples.network()
    pixmix.evaluate(net, "clean", samples.TEST, logits_folder=tmp_path)
    assert forwarded(tmp_path, net) == ALL + TRIAL  # the logits are there, the features are not
    assert forwarded(tmp_path, net, batch_size=7) == TRIAL
    half = scores.ScoreSettings(names=("knn",), settings=KNN.settings, features="float16")
    assert forwarded(tmp_path, net, half) == ALL + TRIAL
    assert np.load(tmp_path / "features" / "clean.npz")["features"].dtype == np.float16
    first = scores.ScoreSettings(names=("knn",), settings=KNN.settings, layer="first")
    assert forwarded(tmp_path, net, first) == ALL + TRIAL
    assert np.load(tmp_path / "features" / "clean.npz")["features"].shape == (50, 192)
    moved = samples.TEST[0].copy()
    moved[0, 0, 0, 0] ^= 1
    net.body.seen = 0
    pixmix.evaluate(net, "anomalies", (moved, samples.TEST[1]), training=samples.TRAINING, logits_folder=tmp_path,
                    scores=first)  # fmt: skip
    assert net.body.seen == 50 + TRIAL
    with torch.no_grad():
        net.body.first.bias[0] += 1e-6
    assert forwarded(tmp_path, net, first) == ALL + TRIAL


def test_a_killed_evaluation_goes_on_and_damage_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net: Any = samples.network()
    net.body.stop_at = TRIAL + 50 + 150 + 5
    with pytest.raises(KeyboardInterrupt):
        evaluate(tmp_path, net)
    net.body.stop_at = -1
    assert forwarded(tmp_path, net) == 3 * 10 + TRIAL
    whole = evaluate(tmp_path, net)
    content = bytearray((tmp_path / "features" / "clean.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "features" / "clean.npz").write_bytes(content)
    assert forwarded(tmp_path, net) == 50 + TRIAL
    assert "clean.npz" in capsys.readouterr().err
    assert evaluate(tmp_path, net) == whole


def test_the_size_is_said_before_the_first_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(tmp_path, samples.network(), progress=True)
    lines = capsys.readouterr().err.splitlines()
    said = f"training images: features 150 x 12 float32, 0.0 MB, kept in {tmp_path / 'features'}"
    assert said in lines
    assert lines.index(said) < next(index for index, line in enumerate(lines) if "150/150" in line)


def test_half_the_size_changes_little() -> None:
    settings = scores.ScoreSettings(names=("knn", "rmds"), features="float16")
    half = evaluate(None, samples.network(), settings)["anomalies"]["mean"]
    whole = evaluate(None, samples.network(), scores.ScoreSettings(names=("knn", "rmds")))["anomalies"]["mean"]
    for name in ("knn", "rmds"):
        assert half[name]["auroc"]["value"] == pytest.approx(whole[name]["auroc"]["value"], abs=0.02)


def test_features_too_large_for_half_the_size_are_refused() -> None:
    net = samples.network()
    with torch.no_grad():
        net.body.first.weight *= 1e6
    settings = scores.ScoreSettings(names=("knn",), features="float16")
    with pytest.raises(InputError, match="features are not finite in float16; keep them as float32: `features`"):
        evaluate(None, net, settings)


def test_a_score_for_activations_refuses_others() -> None:
    class Signed(samples.Body):
        def forward(self, images: Tensor) -> Tensor:
            return self.fc(self.first(images.double().flatten(1)))

    net = pixmix.Normalized(Signed(), [0.5] * 3, [0.25] * 3)
    with pytest.raises(InputError, match=r"score ash_b: .* at least 0"):
        evaluate(None, net, scores.ScoreSettings(names=("ash_b",)), training=None)


class Made(nn.Module):
    """A convolution, and a function of what it makes."""

    def __init__(self, then: Callable[[Any, Tensor], Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3)
        for name, part in parts.items():
            self.add_module(name, part)
        self.then = then

    def forward(self, images: Tensor) -> Tensor:
        return self.then(self, self.first(images).relu().mean((2, 3)))


def found(net: nn.Module, name: str | None = None) -> LastLayer:
    with torch.no_grad():
        return find_last_layer(net.eval(), torch.linspace(0, 1, 2 * 3 * 64).view(2, 3, 8, 8), name)


def test_the_last_layer_is_the_one_that_gives_the_logits() -> None:
    """Not the last one in the module list, nor the last one that runs."""
    net = Made(lambda self, x: (self.fc(x), self.aux(x))[0], fc=nn.Linear(6, 4), aux=nn.Linear(6, 4))
    layer = found(net)
    assert (layer.name, layer.width) == ("fc", 6)
    assert found(pixmix.Normalized(net, [0.5] * 3, [0.5] * 3)).name == "fc"
    bare = found(Made(lambda self, x: self.fc(x), fc=nn.Linear(6, 4, bias=False))).head()
    assert bare is not None and not bare.bias.any() and bare.weight.shape == (4, 6)


def test_a_named_layer_has_features_and_perhaps_no_head() -> None:
    scaled = Made(lambda self, x: 12 * self.fc(x), fc=nn.Linear(6, 4))
    with pytest.raises(InputError, match="name the layer that takes them: `layer`"):
        found(scaled)
    assert found(scaled, "fc").head() is None
    convolved = Made(lambda self, x: self.fc(x[:, :, None, None]).flatten(1), fc=nn.Conv2d(6, 4, 1))
    layer = found(convolved, "fc")
    assert (layer.width, layer.head()) == (6, None)
    with torch.no_grad(), layer.watched():
        convolved(torch.zeros(3, 3, 8, 8))
        assert layer.features(3).shape == (3, 6)


@pytest.mark.parametrize(
    ("net", "name", "line"),
    [
        (Made(lambda self, x: self.fc(x), fc=nn.Linear(6, 4)), "fcc", "layer fcc: .* perhaps you meant fc; .*: fc$"),
        (Made(lambda self, x: self.fc(x), fc=nn.Linear(6, 4)), "first", "layer first: takes .2, 3, 8, 8. for 2 images"),
        (Made(lambda self, x: x, fc=nn.Linear(6, 4)), "fc", "layer fc: takes no part in a forward pass"),
        (Made(lambda self, x: x), None, "the network's logits are not what a linear layer gives"),
    ],
)
def test_layers_without_features_are_refused(net: nn.Module, name: str | None, line: str) -> None:
    with pytest.raises(InputError, match=line):
        found(net, name)


def test_a_layer_that_runs_twice_has_no_features() -> None:
    net = Made(lambda self, x: self.fc(x) + 0 * self.fc(2 * x), fc=nn.Linear(6, 4))
    layer = found(net, "fc")
    with torch.no_grad(), layer.watched(), pytest.raises(InputError, match="runs 2 times in a forward pass"):
        net(torch.zeros(3, 3, 8, 8))
        layer.features(3)


def test_scores_of_a_layer_without_a_head_are_refused() -> None:
    class Scaled(samples.Body):
        def forward(self, images: Tensor) -> Tensor:
            return 3 * super().forward(images)

    net = pixmix.Normalized(Scaled(), [0.5] * 3, [0.25] * 3)
    named = scores.ScoreSettings(names=("vim",), layer="fc")
    with pytest.raises(InputError, match="layer fc: the logits are not what it makes of its input"):
        evaluate(None, net, named)
    knn = scores.ScoreSettings(names=("knn",), layer="fc", settings=KNN.settings)
    ours = evaluate(None, samples.network())["anomalies"]["mean"]["knn"]
    assert evaluate(None, net, knn)["anomalies"]["mean"]["knn"] == ours


@pytest.mark.parametrize(
    ("name", "layer", "width"),
    [
        ("torchvision:resnet18", "fc", 512),
        ("torchvision:mobilenet_v3_small", "classifier.3", 1024),
        ("timm:vit_tiny_patch16_224", "head", 192),
        ("timm:convnext_atto", "head.fc", 320),
        ("wrn-16-1", "fc", 64),
    ],
)
def test_it_is_found_in_the_networks_of_others_and_ours(name: str, layer: str, width: int) -> None:
    net = _built(name)
    side = 224 if "vit" in name else 32
    images = torch.linspace(0, 1, 2 * 3 * side * side).view(2, 3, side, side)
    with torch.no_grad():
        last = find_last_layer(net.eval(), images)
        assert (last.name, last.width) == (layer, width)
        with last.watched():
            logits = net(images)
            features = last.features(2)
    head = last.head()
    assert head is not None
    np.testing.assert_allclose(scores.logits_of(features.numpy(), head), logits.numpy(), atol=1e-4)


def _built(name: str) -> nn.Module:
    if name.startswith("torchvision:"):
        import torchvision

        return torchvision.models.get_model(name.removeprefix("torchvision:"), weights=None)
    from mixset.generate._networks.spec import network_spec

    return network_spec(name, classes=10).build()
