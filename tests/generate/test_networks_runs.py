"""Networks of runs: what is loaded, and one line for all that can go wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import tiny_networks
import torch
from network_samples import refused
from torch import nn

from mixset._common import named
from mixset.generate._networks import loading as networks
from mixset.generate._networks.files import save
from mixset.generate._networks.loading import load_network, weights_hash
from mixset.generate._networks.runs import Trust
from mixset.generate._networks.weights import write_weights
from mixset.generate._networks.wide_resnet import wide_resnet


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


def write_config(folder: Path, **changes: Any) -> None:
    content = {
        "config": {},
        "network": {"name": "wrn-10-1", "arguments": {"num_classes": 4, "dropout": 0.3}},
        "images": {"size": 32, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.25, 0.3]},
    }
    (folder / "config.json").write_text(json.dumps(content | changes))


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
    def test_only_what_we_make_is_built_with_checked_arguments(
        self, run: Path, network: dict[str, Any], message: str
    ) -> None:
        write_config(run, network=network)
        refused(f"run:{run}", message)

    @pytest.mark.parametrize("images", [{"mean": 3, "std": [1, 1, 1]}, {"mean": ["a"] * 3, "std": "abc"}])
    def test_a_normalisation_of_other_types(self, run: Path, images: dict[str, Any]) -> None:
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
        refused(f"run:{run}", r"has no weights\.safetensors and no checkpoint; train it first")

    @pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'{"network": {}}', b'{"network": 3}'])
    def test_damaged_config(self, run: Path, content: bytes) -> None:
        (run / "config.json").write_bytes(content)
        refused(f"run:{run}", r"config\.json is damaged .*run")

    def test_code_in_weights_is_not_run(self, run: Path, tmp_path: Path) -> None:
        class Trap:
            def __reduce__(self) -> tuple[Any, ...]:
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
