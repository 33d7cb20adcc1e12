"""One vocabulary of flags: what help shows, what is told of old and unknown flags, and messages in their words."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_lines import all_commands

import mixset.generate._command.cli
import pixmix.train._command.cli
from mixset._common.errors import InputError
from mixset._common.flags import Flag, flags_of
from mixset._common.parsing import RENAMED, in_flags
from pixmix.methods import MethodSettings
from pixmix.train._evaluation.evaluate import EvaluateConfig
from pixmix.train._runs.config import TrainConfig
from pixmix.train._runs.records import read_config

PAGE = Path(__file__).parents[2] / "docs" / "flags.md"
LATER = {"graph", "eval_precision", "checkpoint_minutes", "keep_checkpoints", "skip_broken"}
LATER |= {"optimizer", "warmup", "label_smoothing", "ema_decay", "decay_norms", "sync_bn", "sizes", "drop_path"}
LATER |= {"test_amp", "keep_best", "log_steps", "tensorboard"}
"""Fields of a run's config that 0.1.0 did not have."""
KEPT = Path(__file__).with_name("run-0.1.0")
COMMANDS = {" ".join(command.words): command.kind for command in all_commands()}
MAINS = {"pixmix": pixmix.train._command.cli.main, "mixset": mixset.generate._command.cli.main}
Ends = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Ends:
    """Runs a command line on a terminal of 120 columns: exit code, stdout, stderr."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", line.split())
        code = 0
        try:
            MAINS[sys.argv[0]]()
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def rows(*, cells: int) -> list[list[str]]:
    """The rows of the page's tables that have so many cells."""
    lines = [line.strip("|").split("|") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line] for line in lines if len(line) == cells]


def meanings() -> dict[str, str]:
    return {name: words for names, words in rows(cells=2) for name in re.findall(r"`(.*?)`", names)}


def shared() -> dict[str, dict[str, Flag]]:
    """Flags that several commands have, but for settings of methods; all families of `mixset make` are one command."""
    found: dict[str, dict[str, Flag]] = {}
    for words, kind in COMMANDS.items():
        for flag in flags_of(kind):
            if not flag.group:
                found.setdefault(flag.name, {}).setdefault(" ".join(words.split()[:2]), flag)
    return {name: flags for name, flags in found.items() if len(flags) > 1}


def test_a_flag_means_the_same_in_every_command() -> None:
    known = meanings()
    assert shared().keys() <= known.keys()
    for words, kind in COMMANDS.items():
        for flag in flags_of(kind):
            if flag.name in known:
                assert flag.text.startswith(known[flag.name]), f"{words} {flag.name}: {flag.text}"


def test_the_page_names_no_flag_that_is_gone() -> None:
    there = {flag.name for kind in COMMANDS.values() for flag in flags_of(kind)}
    assert meanings().keys() <= there


@pytest.mark.parametrize("words", COMMANDS)
def test_help_fits_two_screens_and_says_something_of_each_flag(words: str, ends: Ends) -> None:
    code, help_text, _ = ends(f"{words} --help")
    lines = help_text.splitlines()
    assert code == 0 and lines[0].startswith(f"usage: {words} ")
    assert len(lines) <= 100 and max(map(len, lines)) <= 120
    assert "None" not in help_text.replace("None with --logits", "")
    for flag in flags_of(COMMANDS[words]):
        assert flag.text, flag.name
        if not flag.group:
            assert f"  {flag.name}" in help_text


@pytest.mark.parametrize(
    ("line", "shows", "hides"),
    [
        (
            "pixmix train --help",
            ("--lr", "--amp {auto,off,bf16,fp16}", "--recipe {cifar,imagenet,places365,vit-s,quick}"),
            "--augmix.jsd",
        ),
        ("pixmix train --help augmix", ("--augmix.jsd", "--augmix.width"), "--lr "),
        ("pixmix train --help mix-aug", ("--mix.k", "--mix.partner {both,input,mixing_set}"), "--augmix.jsd"),
        ("pixmix train --help adversarial-l2", ("--adversarial.steps",), "--mix.k"),
        ("pixmix train --help prime+pixmix+jsd", ("--prime.sigma", "--mix.k", "--jsd.weight"), "--augmix.jsd"),
        ("pixmix train --help iterative", ("--iterative.every", "--mix.k"), "--oe.weight"),
        ("pixmix train --recipe imagenet --help cutmix", ("(default: 1)",), "0.5)"),
        ("pixmix train --help baseline", ("no settings of its own",), "--"),
        ("pixmix ablate --help", ("--rows",), "--iterative.every"),
        ("pixmix ablate --help iterative", ("--iterative.every",), "--rows"),
    ],
)
def test_the_settings_of_a_method_are_behind_help_method(
    line: str, shows: tuple[str, ...], hides: str, ends: Ends
) -> None:
    code, said, _ = ends(line)
    body = said.partition("\n")[2]
    assert code == 0
    assert all(words in body for words in shows) and hides not in body


@pytest.mark.parametrize(("command", "old", "new"), [[cell.strip("`") for cell in row] for row in rows(cells=3)])
def test_an_old_flag_is_told(command: str, old: str, new: str, ends: Ends) -> None:
    family = " fvis" if command == "mixset make" else ""
    assert RENAMED[command][old] == new
    for word in (f"{old} x", f"{old}=x"):
        line = f"{command}{family}"
        assert ends(f"{line} {word}") == (2, "", f"error: `{old}` is now `{new}`; see {line} --help\n")


def test_every_old_flag_is_on_the_page() -> None:
    assert len(rows(cells=3)) == sum(map(len, RENAMED.values()))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("pixmix evaluate x --suit clean", "unknown option --suit; perhaps you meant --suite"),
        ("pixmix train --epoch 3 digits", "unknown option --epoch; perhaps you meant --epochs"),
        ("mixset info --stat x", "unknown option --stat; perhaps you meant --stats"),
        ("mixset import --zzz a b", "unknown option --zzz; see mixset import --help"),
        ("pixmix train", "DATASET is missing: What is trained and measured on: digits"),
        ("mixset import a", "OUT is missing: Where the result goes: the folder of the set"),
        ("pixmix train digits --amp fp8", "--amp fp8: choose one of auto, off, bf16, fp16;"),
        ("pixmix train digits --epochs", "--epochs: needs a value;"),
        ("pixmix train digits --mix.k -1", "--mix.k: a whole number from 0 to 1,000 is needed, got -1"),
        ("pixmix train digits --augmix.width 0", "--augmix.width: a whole number from 1 to 100 is needed, got 0"),
        ("pixmix corrupt digits out --corruptions mud", "--corruptions mud: not in suite c, which has "),
        ("pixmix corrupt nothing out --corruptions snow", "DATASET nothing: unknown"),
        ("pixmix train --help augmux", "pixmix train --help augmux: no such settings; perhaps you meant augmix"),
        (
            "pixmix train --help pixmix+prme",
            "pixmix train --help pixmix+prme: no such settings; perhaps you meant prime",
        ),
        ("pixmix train --help prime+", "pixmix train --help prime+: no such settings; see pixmix train --help"),
    ],
)
def test_what_is_wrong_is_told_in_flags(line: str, told: str, ends: Ends) -> None:
    code, _, said = ends(line)
    assert code == 2 and said.startswith(f"error: {told}") and said.count("\n") == 1, said


@pytest.mark.parametrize(
    ("message", "worded"),
    [
        ("size: a whole number is needed", "--size: a whole number is needed"),
        ("size 4: too small; give another `size`", "--size 4: too small; give another --size"),
        ("labels of s: give a class map: `class_map`", "labels of s: give a class map: --classes"),
        ("l.npz: say so: `probabilities`", "l.npz: say so: --logits-are probabilities"),
        ("run folder size: damaged; `mixset check` it", "run folder size: damaged; `mixset check` it"),
        ("dataset x: unknown", "--dataset x: unknown"),
    ],
)
def test_a_message_of_the_library_is_worded_in_flags(message: str, worded: str) -> None:
    with pytest.raises(InputError) as caught, in_flags(flags_of(EvaluateConfig)):
        raise InputError(message)
    assert str(caught.value) == worded


def test_the_config_of_a_kept_run_has_todays_keys() -> None:
    config = read_config(KEPT / "config.json")["config"]
    assert (config["data_folder"], config["suite"]) == ("data", ["clean"])
    today = set(TrainConfig.__dataclass_fields__)
    assert set(config) <= today
    assert today - set(config) - LATER <= set(MethodSettings.__dataclass_fields__)  # methods have been added, too
