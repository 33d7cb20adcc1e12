"""What tests of the makers share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cli_samples import Run
from tiny_family import PLACED, TINY, TinyRecipe
from torch_threads import one_thread as one_thread

from mixset.generate import make
from mixset.generate._command import cli
from mixset.generate._job import families


@pytest.fixture
def mixset(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process; gives exit code, stdout and stderr."""
    monkeypatch.setitem(families.FAMILIES, "tiny", TINY)
    monkeypatch.setitem(families.FAMILIES, "placed", PLACED)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mixset", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set of ten images in three shards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(families.FAMILIES, "tiny", TINY)
        return make(TinyRecipe(count=10), tmp_path / "set", workers=1, quiet=True)
