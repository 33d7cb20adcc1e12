"""Two processes attack what one does, each batch once, and end with the same ladder."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from autoattack_samples import COUNT, IMAGES, LABELS, FakeLibrary, Known

import pixmix
from pixmix._evaluators import autoattack, suites


def measure(folder: Path | None) -> dict[str, Any]:
    settings = pixmix.AutoAttackSettings(linf=("1/255", "0.02"), count=COUNT)
    options: dict[str, Any] = {"autoattack": settings, "logits_folder": folder, "batch_size": 8}
    return pixmix.evaluate(Known(), "autoattack", (IMAGES, LABELS), **options)


def work(rank: int, root: Path, port: int) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    setattr(autoattack, "Library", FakeLibrary)  # noqa: B010 - a class in the place of a class
    suites.check_library = lambda: None
    dist.init_process_group("gloo", rank=rank, world_size=2)
    found = {"whole": measure(root / "kept"), "calls": FakeLibrary.calls, "again": measure(root / "kept")}
    (root / f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_share_the_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoattack, "Library", FakeLibrary)
    monkeypatch.setattr(suites, "check_library", lambda: None)
    monkeypatch.setattr(FakeLibrary, "calls", [])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(work, (tmp_path, port), nprocs=2)
    one = json.loads(json.dumps(measure(None)))
    both = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert all(found["whole"] == found["again"] == one for found in both)
    calls = [tuple(map(str, call)) for found in both for call in found["calls"]]
    alone = [tuple(map(str, json.loads(json.dumps(call)))) for call in FakeLibrary.calls]
    assert sorted(calls) == sorted(alone), "the same batches, each by one of the two"
    assert np.ptp([len(found["calls"]) for found in both]) < len(alone) / 2
