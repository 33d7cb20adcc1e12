"""Which of a run's checkpoints counts: the newest whole one."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import zeros

from mixset._common.errors import InputError
from mixset.generate._networks.checkpoints import checkpoint_path, list_checkpoints, newest_checkpoint
from mixset.generate._networks.files import save
from mixset.generate._networks.runs import run_weights


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Three checkpoints of a run, the newest first; by their names alone it would be another one."""
    (tmp_path / "checkpoints").mkdir()
    paths = [checkpoint_path(tmp_path, *done) for done in ((100000, 3), (99999, 5000), (99999, 700))]
    for number, path in enumerate(paths):
        save({"model": {"weight": zeros(number + 1)}}, path)
    return paths


def test_the_newest_is_the_one_that_is_furthest(tmp_path: Path, paths: list[Path]) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"of an older release")
    for name in ("step-1-2.pt", "step-00001-0000001.pt.damaged", "step-99999-9999999.pt.1-a-b.partial", "notes.txt"):
        (tmp_path / "checkpoints" / name).touch()
    assert list_checkpoints(tmp_path) == [*paths, tmp_path / "checkpoint.pt"]
    assert newest_checkpoint(tmp_path) == (paths[0], [])


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "without its seal"])
def test_a_damaged_one_is_named_and_the_one_before_it_taken(
    tmp_path: Path, paths: list[Path], capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    for damaged in paths[:2]:
        content = bytearray(damaged.read_bytes())
        content[len(content) // 2] ^= 4
        whole = damaged.read_bytes()
        kept = {"flipped": bytes(content), "cut": whole[:-7], "empty": b"", "without its seal": whole[:-74]}
        damaged.write_bytes(kept[damage])
    assert newest_checkpoint(tmp_path) == (paths[2], paths[:2])
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" is damaged")[0] for line in said] == [f"checkpoint {path}" for path in paths[:2]]
    assert all("taken is step-99999-0000700.pt" in line for line in said)
    path, weights = run_weights(tmp_path)
    assert (path, len(weights["weight"])) == (paths[2], 3)


def test_none_that_is_whole(tmp_path: Path, paths: list[Path]) -> None:
    for path in paths:
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"step-100000-0000003\.pt is damaged .*, and so are the 2 before it; "):
        newest_checkpoint(tmp_path)
    assert newest_checkpoint(tmp_path / "elsewhere") == (None, [])
