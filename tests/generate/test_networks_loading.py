"""Networks by name: functions as networks, the working folder, and hashes of weights."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest
import tiny_networks
import torch
from network_samples import IMAGENET, refused
from torch import nn

from mixset.generate._networks import loading as networks
from mixset.generate._networks.loading import load_network, weights_hash


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    networks._load.cache_clear()


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
    def test_bad_normalisation(self, values: Any) -> None:
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
        body.temporary += 1  # type: ignore[assignment]
        assert weights_hash(body) == before
