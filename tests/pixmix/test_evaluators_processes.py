"""Two processes measure what one measures, exactly, and end together."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import evaluation_samples as samples
import numpy as np
import pytest
import reader_layouts as layouts
import torch
import torch.distributed as dist

import pixmix
from mixset._common.errors import InputError
from pixmix.readers import CorruptedSet

SUITES = ["clean", "calibration", "adversaries", "anomalies", "c", "p", "r"]
DATA = samples.test_images(53)


class Broken(samples.Counting):
    """Fails in the second process alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if dist.get_rank() == 1:
            raise RuntimeError("only here")
        return super().forward(x)


def measure(root: Path, logits: Path | None) -> dict:
    sets = {name: root / name for name in ("c", "p", "r", "ood")}
    files = CorruptedSet(root / "files", "cbar", size=32, partial=True)
    return pixmix.evaluate(
        samples.network(1000),
        [*SUITES, "cbar"],
        DATA,
        sets={**sets, "cbar": files},
        partial=True,
        logits_folder=logits,
        batch_size=10,
        seed=2,
    )


def work(rank: int, root: Path, port: int) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    found = {"whole": measure(root, root / "logits"), "again": measure(root, root / "logits")}
    errors = []
    broken = pixmix.Normalized(Broken(), [0.5] * 3, [0.5] * 3)
    bad = layouts.imagenet_c(root / f"bad{rank}", ("fog",), side=32, per_class=5)
    (bad / "fog" / "1" / layouts.WNIDS[2] / "ILSVRC2012_val_00000024.JPEG").write_bytes(b"")  # the second's share
    for network, suite, options in (
        (broken, "clean", {}),
        (samples.network(3), "c", {"sets": {"c": CorruptedSet(bad, "c", size=32, partial=True)}}),
        (samples.network(8), "clean", {}),
    ):
        try:
            pixmix.evaluate(network, suite, DATA, batch_size=10, **options)
        except InputError as error:
            errors.append(str(error))
    (root / f"{rank}.json").write_text(json.dumps({**found, "errors": errors}))
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sets")
    layouts.cifar_c(root / "c", count=7)
    layouts.cifar_p(root / "p", count=3)
    samples.imagenet_r(root / "r")
    (root / "ood").mkdir()
    samples.outlier_sets(root / "ood")
    severities = {"sparkles": [f"{value:.2f}" for value in layouts.CBAR_IMAGENET["sparkles"]]}
    layouts.imagenet_c(root / "files", ("sparkles",), severities=severities, side=32, per_class=7)
    return root


def test_two_processes_measure_what_one_does_and_end_together(root: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(work, (root, port), nprocs=2)
    one = measure(root, None)
    both = [json.loads((root / f"{rank}.json").read_text()) for rank in range(2)]
    for found in both:
        for part in ("whole", "again"):
            assert found[part].keys() == one.keys()
            for suite in one:
                assert found[part][suite] == json.loads(json.dumps(one[suite])), suite
    assert one["clean"]["error"]["n"] == 53
    kept = np.load(root / "logits" / "cbar-sparkles-3.npz")
    assert len(kept["logits"]) == 21
    assert both[0]["errors"] == both[1]["errors"]
    broken, file, labels = both[0]["errors"]
    assert broken == "the network fails on clean images (RuntimeError: only here); are they of the size it takes?"
    assert "ILSVRC2012_val_00000024.JPEG: not an image of a known format" in file
    assert labels == "clean images: labels run to 9, the network has 8 classes"
