"""README and docs can be followed: each command and each Python block, scaled down, in the order of need."""

from __future__ import annotations

import glob
import importlib.util
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from documented import PAGES, RECORD, ROOT, RULES, blocks, commands, strange_blocks
from documented_world import TinyCIFAR10, make_world, tiny_classifier

import pixmix
from mixset._common.parsing import parse
from mixset.generate._command import cli as mixset_cli
from mixset.generate._job.families import FAMILIES
from pixmix.corruptions import SUITES
from pixmix.methods import METHODS
from pixmix.train._ablations.config import AblateConfig
from pixmix.train._ablations.plan import make_plan
from pixmix.train._command import cli as pixmix_cli, configs

MAINS = {"mixset": mixset_cli, "pixmix": pixmix_cli}
SLOW = ("docs/measures.md", "docs/your-method.md", "docs/arena.md")
"""Suites of corruptions and tables take half a minute each; what they show is tried in small in tests/train."""
FIRST = ("mixset make", "mixset import")
"""What is made before Python's blocks are run."""
LATER = ("mixset", "pixmix train", "pixmix corrupt", "pixmix evaluate", "pixmix")
IN_PYTHON = {
    "count=1000": "count=4",
    "size=128": "size=32",
    "size=224": "size=32",
    'network="resnet50", count=4': 'network="tinynet:make", count=4, steps=2',
    'devices=["cuda:0"]': 'devices=["cpu"], workers=1',
    "num_workers=4, persistent_workers=True": "num_workers=0",
    "num_workers=4": "num_workers=0",
    "models.resnet18": "tiny_classifier",
}


UNDERSTOOD: set[tuple[str, ...]] = set()
"""Many tables ask for the same commands, or for some that differ in a folder's name or a seed alone."""


class Understood(Exception):
    """The command was parsed, and would run now."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def reader(world: Path, typist: SimpleNamespace) -> SimpleNamespace:
    """Types commands in a folder of his own, where all is that he has."""
    shutil.copytree(world, typist.folder, dirs_exist_ok=True)
    return typist


@pytest.fixture
def typist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Types commands in an empty folder: what is only understood needs no more."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.setenv("PIXMIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("torchvision.datasets.CIFAR10", TinyCIFAR10)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    understood = False
    parse = pixmix_cli.parse

    def parse_only(*arguments: Any, **options: Any) -> Any:
        found = parse(*arguments, **options)
        if understood:
            raise Understood
        return found

    for module in (*MAINS.values(), configs):
        monkeypatch.setattr(module, "parse", parse_only)

    def call(words: list[str]) -> None:
        words = [path for word in words for path in (sorted(glob.glob(word)) if "*" in word else [word])]
        monkeypatch.setattr(sys, "argv", words)
        MAINS[words[0]].main()

    def understand(words: list[str]) -> None:
        nonlocal understood
        if tuple(words) in UNDERSTOOD:
            return
        understood = True
        with pytest.raises(Understood):
            call(words)
        understood = False
        UNDERSTOOD.add(tuple(words))

    tables: list[dict[str, Any]] = [METHODS, FAMILIES, *SUITES.values()]
    before = [dict(table) for table in tables]
    yield SimpleNamespace(call=call, understand=understand, folder=here)
    for table, content in zip(tables, before, strict=True):  # the page registers methods of its own
        table.clear()
        table.update(content)
    torch.set_num_threads(threads)


def rule_of(words: tuple[str, ...]) -> Any:
    """The one rule for a command."""
    matching = [rule for rule in RULES if rule.matches(words)]
    assert len(matching) == 1, f"{shlex.join(words)}: matches {matching}"
    return matching[0]


def test_each_command_has_one_rule_and_each_rule_a_command() -> None:
    used = [rule_of(words) for page in PAGES for words in commands(page)]
    assert not [rule for rule in RULES if rule not in used]


def stage(words: tuple[str, ...]) -> int:
    """When a command's turn is, among those of its page."""
    line = " ".join(words)
    return next((index for index, begins in enumerate(LATER) if line.startswith(begins)), len(LATER))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.slow) if page in SLOW else page for page in PAGES]
)
def test_a_page_can_be_followed(page: str, reader: SimpleNamespace, capfd: pytest.CaptureFixture[str]) -> None:
    typed = commands(page)
    if any(words[:2] == ("mixset", "make") and words[-1] == "my-set" for words in typed):
        for name in ("my-set", "my-photographs"):
            shutil.rmtree(reader.folder / name)
    for name, text in own_files(page).items():
        (reader.folder / name).write_text(text)
    first = [words for words in typed if " ".join(words).startswith(FIRST)]
    for words in first:
        follow(words, reader, capfd)
    follow_python(page)
    for words in sorted((words for words in typed if words not in first), key=stage):
        follow(words, reader, capfd)


def follow(words: tuple[str, ...], reader: SimpleNamespace, capfd: pytest.CaptureFixture[str]) -> None:
    """Try a command as its rule says."""
    rule = rule_of(words)
    capfd.readouterr()
    try:
        if words[0] in MAINS:
            reader.understand(list(words))  # as it stands: flags behind would hide a wrong value
        else:
            check_other(words, reader)
        if words[:2] == ("pixmix", "ablate"):
            # Without a look at the data sets, which are not here.
            for task in make_plan(parse(AblateConfig, "pixmix ablate", words[2:])).tasks.values():
                reader.understand(form(task.command))
        elif not rule.parsed:
            trains = words[:2] == ("pixmix", "train") and "--out" not in words
            own = ["--out", f"runs/{len(list(Path('runs').iterdir()))}"] if trains else []
            reader.call(rule.scaled(words) + own)
    except SystemExit as ended:
        if ended.code:
            pytest.fail(f"{shlex.join(words)}: {capfd.readouterr().err}")


def form(command: Sequence[str]) -> list[str]:
    """A command of a plan with one path for all paths, and one seed: what is understood of it is the same."""
    words = ["some/path" if re.fullmatch(r"[A-Za-z][\w.-]*(/[\w.-]+)+", word) else word for word in command]
    return [re.sub(r"^\d+$", "0", word) if before == "--seed" else word for before, word in pairwise(["", *words])]


def check_other(words: tuple[str, ...], reader: SimpleNamespace) -> None:
    """Of a command of another program: what it names is there, and what it hands on is understood."""
    line = shlex.join(words)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), line
    elif words[0] == "torchrun":
        from torch.distributed.run import parse_args

        given = parse_args(list(words[1:]))
        assert given.module and given.training_script == "pixmix.train", line
        reader.understand(["pixmix", "train", *given.training_script_args])
    elif words[1].startswith("examples/"):
        spec = importlib.util.spec_from_file_location(Path(words[1]).stem, ROOT / words[1])
        assert spec and spec.loader, line
        example = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(example)
        example.parse(list(words[2:]))


def own_files(page: str) -> dict[str, str]:
    """The files that a page shows, whose first line is a comment with the name."""
    return {block.split()[1]: block for block in blocks(page, "python") if re.match(r"# \w+\.py\n", block)}


def follow_python(page: str) -> None:
    """Run a page's blocks one after the other; what a reader has himself is there under its name."""
    has = {
        "pixmix": pixmix,
        "body": tiny_classifier(10),
        "tiny_classifier": tiny_classifier,
        "test_images": np.random.default_rng(0).integers(0, 256, (200, 32, 32, 3), np.uint8),
        "labels": np.arange(200) % 10,
        "dataset": TinyCIFAR10("data", True, True),
        "images": torch.zeros(4, 3, 32, 32, dtype=torch.uint8),
        "DataLoader": torch.utils.data.DataLoader,
    }
    names: dict[str, Any] = {}
    for block in blocks(page, "python"):
        if block in own_files(page).values():
            continue
        for old, new in IN_PYTHON.items():
            block = block.replace(old, new)
        names |= has
        exec(compile(block, page, "exec"), names)


def test_what_is_scaled_down_in_python_is_there() -> None:
    text = "".join(block for page in PAGES for block in blocks(page, "python"))
    for old, new in IN_PYTHON.items():
        assert old in text, old
        text = text.replace(old, new)


@pytest.mark.parametrize(
    "words",
    [words for page in (RECORD, *SLOW) for words in commands(page)],
    ids=lambda words: shlex.join(words)[:60],
)
def test_it_is_understood_at_least(words: tuple[str, ...], typist: SimpleNamespace) -> None:
    for page in SLOW:
        for name, text in own_files(page).items():
            (typist.folder / name).write_text(text)
    typist.understand(list(words))


@pytest.mark.parametrize("page", [*PAGES, RECORD, "docs/parity.md"])
def test_no_block_is_passed_over(page: str) -> None:
    assert not strange_blocks(page)


def test_benchmarks_and_extras_that_are_named_are_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for page in (*PAGES, RECORD, "docs/parity.md"):
        text = (ROOT / page).read_text()
        for extra in re.findall(r"pixmix\[(\w+)\]", text):
            assert extra in extras, f"{page}: pixmix[{extra}]"
        # They take minutes, so of a flag only this is asked: that the script names it.
        for script, rest in re.findall(r"python (benchmarks/\w+\.py)([^`\n]*)", text):
            assert (ROOT / script).is_file(), f"{page}: {script}"
            for flag in re.findall(r"--[\w-]+", rest):
                assert f'"{flag}"' in (ROOT / script).read_text(), f"{page}: {script} {flag}"


def test_links_lead_somewhere() -> None:
    for page in (*PAGES, RECORD, "docs/parity.md"):
        text = (ROOT / page).read_text()
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            name, _, heading = target.partition("#")
            if "://" in name:
                continue
            path = (ROOT / page).parent / name if name else ROOT / page
            assert path.exists(), f"{page}: {target}"
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE) if heading else []
            anchors = {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in headings}
            assert not heading or heading in anchors, f"{page}: {target}"
