"""`pixmix measures` lists what can be measured."""

from __future__ import annotations

import sys

import pytest

from pixmix.train._command.cli import main


def test_every_measure_and_score_is_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["pixmix", "measures"])
    main()
    lines = capsys.readouterr().out.splitlines()
    first = next(line for line in lines if line.startswith("calibration.brier"))
    assert first.split()[1:5] == ["0", "to", "2", "lower"] and first.endswith("Brier 1950")
    score = next(line for line in lines if line.startswith("knn"))
    assert "logits, features, training" in score and "k 50" in score
