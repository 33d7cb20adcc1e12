"""Bad calls of the public Python names: each argument is given every kind of wrong value, drawn by a seed.

A call ends in an InputError or a TypeError of one line that names the argument, or it succeeds because the value is one
that may be given. Nothing comes from the depths, and nothing hangs.
"""

from __future__ import annotations

import inspect
import math
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import mixset
import mixset.generate
import pixmix
from mixset._common.errors import InputError
from mixset.generate import (
    DeadLeavesRecipe,
    FractalRecipe,
    JuliaRecipe,
    MoireRecipe,
    PlasmaRecipe,
    ProgramsRecipe,
    SpectrumRecipe,
    VisualAtomRecipe,
)

RECIPES = (
    *(DeadLeavesRecipe, FractalRecipe, JuliaRecipe, MoireRecipe, PlasmaRecipe, ProgramsRecipe, SpectrumRecipe),
    VisualAtomRecipe,
)
WRONG: tuple[Any, ...] = (
    *(None, True, False, np.True_, -1, 0, 1, 3, 2**31, 2**64, 2**70, -(2**70), 10**400),
    *(0.5, -0.5, 1e300, math.nan, math.inf, np.float32(0.5), np.int8(-3), np.int64(7), np.uint64(2**63), 1j),
    *("", "no such name", "a\nb\x1b[2J", "\ud800", "nowhere/\0", b"bytes", Path("nowhere")),
    *((), (1,), (1, 2, 3), (0.5, "a"), [], [None], [[1], [2, 3]], {}, {"a": 1}, {1, 2}, range(3), object(), int),
    *(np.zeros(0), np.zeros((2, 2)), np.array("a"), np.array([None]), torch.zeros(2), torch.tensor(5)),
)
OTHER_WORDS = {
    "mixing_set": "mixing set|image",
    "sources": "mixing set",
    "families": "holds no images of",
    "dataset": "image: |item",
    "crop": r"int\(\)",  # the user's own function, which fails
    "mean": "mean and std",
    "std": "mean and std",
    "out": "choose another folder",
    "preview": "image format",
    "network": "logits",
    "data": "images",
}
"""What else an error may call an argument."""


class Task:
    """A public name with arguments that it accepts, and what to do with what it gives."""

    def __init__(self, call: Callable[..., Any], use: Callable[[Any], Any] = repr, *given: Any, **named: Any) -> None:
        self.call, self.use, self.given, self.named = call, use, given, named
        self.names = list(inspect.signature(call).parameters)

    def run(self, name: str, value: Any) -> None:
        """Call with one argument replaced."""
        given, named = list(self.given), dict(self.named)
        index = self.names.index(name)
        if index < len(given):
            given[index] = value
        else:
            named[name] = value
        self.use(self.call(*given, **named))


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> list[Task]:
    folder = tmp_path_factory.mktemp("set")
    random = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)).save(folder / f"{number}.png")
    image = random.integers(0, 256, (12, 12, 3), np.uint8)
    images, labels = np.stack([image] * 4), np.arange(4) % 2
    network = pixmix.Normalized(nn.Sequential(nn.Flatten(), nn.Linear(432, 2)), (0.5,) * 3, (0.5,) * 3)
    opened, out = mixset.MixingSet(folder), tmp_path_factory.mktemp("made")
    return [
        Task(pixmix.PixMix, lambda mix: mix(image), folder, size=12),
        Task(pixmix.PixMixSettings),
        Task(pixmix.PixMixDataset, lambda data: data[0], [(image, 0)], folder, seed=0),
        Task(pixmix.EpochSampler, lambda sampler: next(iter(sampler)), 9, seed=0),
        Task(pixmix.PixMixBatch, lambda mix: mix(torch.zeros(1, 3, 12, 12, dtype=torch.uint8)), folder),
        Task(pixmix.Normalized, lambda net: net(torch.zeros(1, 3, 12, 12)), nn.Identity(), (0.5,) * 3, (0.5,) * 3),
        Task(mixset.MixingSet, len, folder),
        Task(mixset.MixingPool, len, opened, 12, quiet=True, cache=out / "pools"),
        Task(pixmix.evaluate, repr, network, "clean", (images, labels)),
        Task(mixset.generate.make, repr, SpectrumRecipe(count=1, size=32), out / "made", workers=1, quiet=True),
        *(Task(recipe, repr, count=1, size=32) for recipe in RECIPES),
    ]


def outcome(task: Task, name: str, value: Any) -> str:
    """ "refused" or "taken", or what is wrong with how it ended."""
    try:
        task.run(name, value)
    except (InputError, TypeError) as error:
        words = str(error)
        if "\n" in words:
            return f"several lines: {words!r}"
        if not re.search(rf"\b{name}\b|{OTHER_WORDS.get(name, name)}", words):
            return f"does not name it: {words!r}"
        return "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "taken"


def check(tasks: list[Task], count: int, seed: int) -> Counter[str]:
    random, counts, faults = np.random.default_rng(seed), Counter[str](), []
    for _ in range(count):
        task = tasks[random.integers(len(tasks))]
        name, value = task.names[random.integers(len(task.names))], WRONG[random.integers(len(WRONG))]
        found = outcome(task, name, value)
        counts[found if found in ("refused", "taken") else "fault"] += 1
        if found not in ("refused", "taken"):
            faults.append(f"{task.call.__name__}({name}={value!r}): {found}")
    assert not faults, "\n".join([str(counts), *sorted(set(faults))])
    return counts


@pytest.fixture(autouse=True)
def _quietly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_two_hundred_bad_calls_end_in_one_line(tasks: list[Task]) -> None:
    counts = check(tasks, 200, seed=11)
    assert counts["refused"] > 100  # the wrong values are wrong


@pytest.mark.slow
def test_every_argument_with_every_wrong_value(tasks: list[Task]) -> None:
    check(tasks, 5000, seed=12)


def test_the_right_calls_succeed(tasks: list[Task]) -> None:
    for task in tasks:
        task.use(task.call(*task.given, **task.named))
