"""From raw archives to tables: CSAIL's weights, the commands, and once a day's slow tests the whole script."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import imagenet_in_small
import pytest
import raw_layouts as raw
import raw_weights
import torch
import torchvision

from mixset._common.parsing import in_flags
from mixset.generate._networks.spec import network_spec
from mixset.generate._networks.weights import architecture, load_into, read_weights
from pixmix.train._ablations.config import AblateConfig
from pixmix.train._ablations.plan import make_plan, training
from pixmix.train._ablations.tables import find_row
from pixmix.train._ablations.titles import title
from pixmix.train._command.cli import COMMANDS, ablate_config
from pixmix.train._command.slurm import job_script
from pixmix.train._command.slurm_config import slurm_config
from pixmix.train._preparation.prepare_config import FOLDERS


def test_csails_weights_are_loaded_and_their_head_left(tmp_path: Path) -> None:
    path = raw_weights.write_places_weights(tmp_path / "resnet18_places365.pth.tar")
    assert b"U\x05epoch" in path.read_bytes()  # a string of Python 2, which its file has
    torch.manual_seed(0)
    state = torchvision.models.resnet18(num_classes=365).state_dict()
    same = network_spec("resnet18", classes=365).build()
    assert architecture(path) == "resnet18"
    assert load_into(same, read_weights(path), "CSAIL's", classes=365) == []
    assert all(torch.equal(value, state[name]) for name, value in same.state_dict().items())
    assert load_into(network_spec("resnet18", classes=20).build(), read_weights(path), "CSAIL's", classes=20) == [
        "fc.weight",
        "fc.bias",
    ]


def test_table_9_begins_with_csails_weights() -> None:
    config = AblateConfig(table="9", dataset="folder:places365", init="weights/resnet18_places365.pth.tar")
    assert title(config) == "Table 9: Out-of-distribution detection on places365 in place of Places365"
    assert title(replace(config, init=None)).endswith("changed: from random weights")
    run = training(config, find_row("pixmix"), 0)
    assert (run.recipe, run.network, run.epochs, run.init) == ("places365", "resnet18", 10, config.init)
    made = make_plan(config).tasks["sets/fvis"].command
    assert made[made.index("--size") + 1] == "256"


@pytest.mark.parametrize("table", imagenet_in_small.TABLES)
def test_its_commands_are_what_the_program_takes(table: str) -> None:
    command = imagenet_in_small.table_command(table, 74, "resnet18", ())
    config = ablate_config(command[1:])
    assert config.table == table and config.size == 64 and config.paper.recipe == config.trained_by


def test_the_page_says_what_the_program_takes() -> None:
    """docs/imagenet.md: nobody has its archives here, so that its commands are parsed and planned."""
    text = (Path(__file__).parents[2] / "docs" / "imagenet.md").read_text()
    blocks = "".join(re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)).replace("\\\n", " ")
    said = [shlex.split(line) for line in blocks.splitlines() if line.startswith("pixmix ")]
    for _, command, *arguments in said:
        if command == "slurm":
            assert "srun" in job_script(slurm_config([word for word in arguments if not word.endswith((">", ".sh"))]))
            continue
        with in_flags([]):
            config = COMMANDS[command].config(arguments)
        if command == "ablate":
            assert make_plan(config).cells
    assert {words[1] for words in said} == {"prepare", "ablate", "train", "slurm"}
    kinds = {words[2] for words in said if words[1] == "prepare"} | {"imagenet200"}
    assert kinds == {*FOLDERS} and "pixmix prepare imagenet200" in text


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_from_archives_to_the_finished_tables(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    small = ["--classes", "4", "--train", "9", "--side", "37", "--frames", "2", "--network", "wrn-10-1"]
    imagenet_in_small.main([str(tmp_path), *small, "--rows", "baseline", "fractals"])
    for table, folder in (("5", "imagenet"), ("6", "imagenet"), ("9", "places365")):
        found = json.loads((tmp_path / "tables" / folder / f"table-{table}.json").read_text())
        assert not any(row["problems"] for row in found["rows"])
        for row in found["rows"]:
            for column, cell in zip(found["columns"], row["cells"], strict=True):
                # Calibration takes two bins of 100 images.
                assert cell["mean"] is not None or column["measure"][0] == "r" or "rms" in column["measure"][1], column
    assert "table 9 is there" in capfd.readouterr().out
    assert raw.SCENES[3] == "/a/arena/rodeo" and (tmp_path / "places365" / "train" / "arena-rodeo").is_dir()
