"""What a table needs: the right commands in the right order, shared where they are the same."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mixset._common.errors import InputError
from mixset.generate._job.families import FAMILIES
from pixmix.methods import METHODS as KNOWN
from pixmix.train._ablations.config import AblateConfig
from pixmix.train._ablations.plan import Plan, make_plan
from pixmix.train._ablations.rows import rows_of
from pixmix.train._ablations.tables import TABLES
from pixmix.train._ablations.titles import changed, scaled, title
from pixmix.train._command.configs import option
from pixmix.train._runs.config import TrainConfig, recipe
from pixmix.train._runs.iterative_settings import IterativeSettings

FOLDER = {"dataset": "folder:flowers"}


def given(table: str) -> dict[str, Path]:
    """Outliers and copies for the rows of a table that take them."""
    needs = {"outliers": {"oe"}, "copies": {"sin", "edsr"}}
    return {name: Path(name) for name, takers in needs.items() if takers & {*TABLES[table].rows}}


def plan_of(table: str, **options: Any) -> Plan:
    if TABLES[table].dataset is None:
        options = FOLDER | options
    return make_plan(AblateConfig(table=table, out=Path("out"), **options))


def training(plan: Plan, name: str) -> TrainConfig:
    """The run's config as `pixmix train` understands the command."""
    from mixset._common.parsing import parse

    arguments = list(plan.tasks[name].command[2:])
    return parse(TrainConfig, "pixmix train", arguments, default=recipe(option(arguments, "--recipe") or "cifar"))


@pytest.mark.parametrize(
    ("table", "size", "fractals", "visualisations"),
    [("1", None, 64, 36), ("1", 48, 64, 54), ("1", 24, 64, 32), ("1", 96, 256, 256), ("6", None, 256, 256)],
)
def test_mixing_images_are_larger_than_the_training_images(
    table: str, size: int | None, fractals: int, visualisations: int
) -> None:
    """Visualisations by a seventh, of at least 32 px: as the paper's 256 are to 224."""
    plan = plan_of(table, size=size)
    sizes = {
        name: int(option(list(plan.tasks[f"sets/{name}"].command), "--size") or 0) for name in ("fractals", "fvis")
    }
    assert sizes == {"fractals": fractals, "fvis": visualisations}


def test_rows_that_name_no_set_mix_in_those_that_are_asked_for() -> None:
    plan = plan_of("1", sets=("fractals",), rows=("pixmix", "mix-aug", "mix-input", "fractals+fvis"))
    mixed = {cell.row: training(plan, f"runs/{cell.run.name}").mixing_set for cell in plan.cells}
    fractals, fvis = "out/sets/fractals", "out/sets/fvis"
    assert mixed == {"pixmix": (fractals,), "mix-aug": (fractals,), "mix-input": (), "fractals+fvis": (fractals, fvis)}
    # A folder of runs is shared: what is mixed in is in the name wherever it is not the table's.
    assert [cell.run.name for cell in plan.cells] == [
        *("pixmix-fractals-s0", "mix-aug-fractals-s0"),
        *("mix-input-s0", "pixmix-s0"),
    ]
    assert "sets/fvis" not in plan_of("1", sets=("fractals",)).tasks


def test_rows_that_name_no_set_mix_in_a_folder_of_ones_own() -> None:
    plan = plan_of("mixing-sets", sets=("mine",), mixing_set=("a/mine",), rows=("mix-aug", "mine"))
    assert [training(plan, f"runs/{cell.run.name}").mixing_set for cell in plan.cells] == [("a/mine",), ("a/mine",)]


@pytest.mark.parametrize("devices", [("cuda:0", "cuda:0", "cpu"), ("cuda:0,cuda:0", "cpu"), ("cuda:0,cuda:0,cpu",)])
def test_a_device_that_is_named_twice_gets_two_cells(devices: tuple[str, ...]) -> None:
    assert AblateConfig(table="1", devices=devices).places == ["cuda:0", "cuda:0", "cpu"]


@pytest.fixture
def methods() -> Iterator[None]:
    """A table of methods that forgets what was added."""
    before = dict(KNOWN)
    yield
    KNOWN.clear()
    KNOWN.update(before)


def test_rows_of_other_methods_are_planned_as_what_they_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, methods: None
) -> None:
    (tmp_path / "mine.py").write_text(
        "from pixmix.methods import Method, register_method\n"
        "class Plain(Method):\n    pass\n"
        "@register_method('mixing', needs_pool=True)\n"
        "class Mixing(Method):\n    pass\n"
        "@register_method('exposed', needs_outliers=True)\n"
        "class Exposed(Method):\n    pass\n"
    )
    monkeypatch.chdir(tmp_path)
    rows = ("mine.py:Plain", "mine.py:Plain+cutmix", "mine.py:Mixing", "mine.py:Exposed", "pixmix+mixup")
    config = AblateConfig(table="2", out=Path("out"), rows=rows)
    assert [row.label for row in rows_of(config).values()] == [
        *("Plain", "Plain + CutMix", "Mixing", "Exposed", "PixMix + Mixup")
    ]
    plan = make_plan(config)
    assert plan.left_out == {"mine.py:Exposed": "needs --outliers PATH"}
    needed = {cell.row: [task.name for task in plan.needed(cell.task)] for cell in plan.cells}
    assert "runs/mine.py-Plain+cutmix-s0" in needed["mine.py:Plain+cutmix"]
    for row, mixes in (("mine.py:Plain", False), ("mine.py:Mixing", True), ("pixmix+mixup", True)):
        assert ("sets/fractals" in needed[row]) == mixes
    assert training(plan, "runs/mine.py-Plain-s0").method == "mine.py:Plain"
    assert training(plan, "runs/mine.py-Mixing-s0").mixing_set == ("out/sets/fractals", "out/sets/fvis")
    assert AblateConfig(table="2", rows=("absent.py:Plain",)).rows  # its code is looked for with the plan
    with pytest.raises(InputError, match=r"method absent\.py:Plain: cannot be imported"):
        make_plan(AblateConfig(table="2", rows=("absent.py:Plain",)))


@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_planned_and_every_need_is_met(name: str) -> None:
    plan = plan_of(name, **given(name))
    assert [cell.row for cell in plan.cells] == list(TABLES[name].rows)
    assert not plan.left_out
    for cell in plan.cells:
        order = [task.name for task in plan.needed(cell.task)]
        assert order[-1] == cell.task
        for task in plan.needed(cell.task):
            assert all(order.index(need) < order.index(task.name) for need in task.needs)
            if task.name.startswith("runs/"):
                config = training(plan, task.name)
                assert (config.seed, config.resume, config.folder) == (0, True, Path("out") / task.name)


def test_a_users_network_is_trusted_where_its_run_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text("import torch\nnet = torch.nn.Identity\n")
    monkeypatch.syspath_prepend(tmp_path)
    plan = plan_of("1", network="mine:net")
    assert "--trust" in plan.tasks["sets/fvis"].command
    assert "--network mine:net" in " ".join(plan.tasks["measures/pixmix-s0"].command)
    assert "--trust" not in plan_of("1", network="wrn-16-1").tasks["sets/fvis"].command


def test_the_sets_are_made_on_the_way() -> None:
    plan = plan_of("1", seeds=(3, 4))
    fvis = plan.tasks["sets/fvis"]
    assert fvis.needs == ("runs/baseline-s3",)  # Table 1 has no baseline of its own
    assert fvis.command[:6] == ("mixset", "make", "fvis", "--network", "run:out/runs/baseline-s3", "--count")
    for seed in (3, 4):
        run = plan.tasks[f"runs/mix-aug-s{seed}"]
        assert run.needs == ("sets/fractals", "sets/fvis")
        config = training(plan, run.name)
        assert config.mixing_set == ("out/sets/fractals", "out/sets/fvis")
        assert (config.method, config.seed) == ("mix-aug", seed)
        for alone in ("mix-input", "iterative"):
            assert plan.tasks[f"runs/{alone}-s{seed}"].needs == ()
    measures = plan.tasks["measures/pixmix-s4"]
    assert measures.needs == ("runs/pixmix-s4", "suites/c", "suites/p")  # Table 1 has no C̄
    assert shlex.join(plan.tasks["suites/c"].command) == "pixmix corrupt cifar100 out/suites/c --suite c"


def test_equal_cells_are_one_run() -> None:
    """PixMix of Table 1, the last row of Table 6 and the corner of Table 10."""
    six = plan_of("6", dataset="cifar100", recipe="cifar")
    runs = {cell.row: cell.run for cell in (*six.cells, *plan_of("10").cells)}
    assert runs["fractals+fvis"] == runs["k4-beta3"] == Path("out/runs/pixmix-s0")
    assert len(set(runs.values())) == len(runs) - 1
    ten = plan_of("10")
    for task in (f"runs/{run.name}" for run in (runs["k4-beta3"],)):
        assert ten.tasks[task].parts == plan_of("1").tasks[task].parts
    config = training(ten, "runs/pixmix-k2-beta5-s0")
    assert (config.mix.k, config.mix.beta, config.mix.aug_severity) == (2, 5, 3)


def test_a_set_of_ones_own_takes_the_index_of_those_that_are_made() -> None:
    plan = plan_of("3", mixing_set=("mine", "fractals"), weights=(0.8, 0.2), rows=("pixmix", "cutout"))
    assert not any(name.startswith("sets/") for name in plan.tasks)
    config = training(plan, "runs/pixmix-s0")
    assert (config.mixing_set, config.weights) == (("mine", "fractals"), (0.8, 0.2))


def test_folders_are_rows_of_the_comparison_of_sets() -> None:
    plan = plan_of("mixing-sets", mixing_set=("there/photographs",))
    rows = [cell.row for cell in plan.cells]
    families = {"deadleaves", "julia", "moire", "plasma", "programs", "spectrum", "visualatom"}
    assert rows[-1] == "photographs" and families < set(rows)
    ours = {name for name, family in FAMILIES.items() if isinstance(family.recipe, str)}
    assert families < ours <= set(rows), "every family of `mixset make`, but those that others registered"
    assert training(plan, "runs/pixmix-photographs-s0").mixing_set == ("there/photographs",)
    assert training(plan, "runs/pixmix-julia-s0").mixing_set == ("out/sets/julia",)


def test_rows_that_lack_something_are_left_out() -> None:
    plan = plan_of("3")
    assert plan.left_out == {"oe": "needs --outliers PATH"}
    assert plan_of("5").left_out == {"sin": "needs --copies PATH"}
    assert [cell.row for cell in plan_of("3", rows=("oe", "pixmix")).cells] == ["pixmix"]


def test_official_sets_are_taken_as_they_are() -> None:
    plan = plan_of("4", rows=("baseline",), c=Path("CIFAR-10-C"), ood=Path("OOD"), partial=True, test_subset=500)
    command = shlex.join(plan.tasks["measures/baseline-s0"].command)
    assert "--c CIFAR-10-C" in command and "--ood OOD" in command and "--partial" in command
    assert "suites/c" not in plan.tasks
    assert plan.tasks["suites/cbar"].command[-2:] == ("--test-subset", "500")
    assert plan.tasks["measures/baseline-s0"].parts["c"] == ("CIFAR-10-C",)


def test_imagenets_corruptions_are_enlarged_as_in_the_papers_code() -> None:
    """And of suites that this does not change, nothing is measured anew."""
    task = plan_of("6", rows=("baseline",), c=Path("ImageNet-C")).tasks["measures/baseline-s0"]
    assert "--resize" in task.command
    assert task.parts["c"] == ("ImageNet-C", "--resize") and "--resize" not in task.parts["p"]
    assert "--resize" not in plan_of("8", rows=("baseline",)).tasks["measures/baseline-s0"].command
    assert "--resize" not in plan_of("4", rows=("baseline",)).tasks["measures/baseline-s0"].command


@pytest.mark.parametrize("recipe", ["cifar", "quick", "imagenet", "places365", "vit-s"])
def test_tables_of_the_same_runs_measure_them_alike(recipe: str) -> None:
    """So that none refuses what another has measured."""
    plans = [plan_of(table, dataset="cifar10", recipe=recipe) for table in ("1", "4", "6", "11", "12", "mixing-sets")]
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for plan in plans:
        for task in plan.tasks.values():
            for part, settings in task.parts.items():
                assert found.setdefault(task.name, {}).setdefault(part, settings) == settings, task.name
    assert len(found["measures/baseline-s0"]) > 5


def test_renditions_are_measured_where_they_are() -> None:
    without, with_them = plan_of("6", rows=("baseline",)), plan_of("6", rows=("baseline",), r=Path("imagenet-r"))
    assert "r" not in without.tasks["measures/baseline-s0"].parts
    assert with_them.tasks["measures/baseline-s0"].parts["r"] == ("imagenet-r",)


def test_settings_of_training_reach_every_run() -> None:
    given = {
        "network": "wrn-16-2",
        "epochs": 7,
        "batch_size": 64,
        "lr": 0.2,
        "dropout": 0.0,
        "amp": "bf16",
        "subset": 1000,
    }
    plan = plan_of("1", **given, test_subset=200, workers=1)
    for name in plan.tasks:
        if name.startswith("runs/"):
            config = training(plan, name)
            assert {**given, "test_subset": 200, "workers": 1}.items() <= vars(config).items()


def test_what_does_not_change_a_run_does_not_make_it_another() -> None:
    one, other = plan_of("1"), plan_of("1", workers=7, eval_batch_size=100, data_folder=Path("elsewhere"))
    for name, task in one.tasks.items():
        assert other.tasks[name].parts == task.parts
    moved = make_plan(AblateConfig(table="1", out=Path("/there/out")))
    assert {name: task.parts for name, task in moved.tasks.items()} == {
        name: task.parts for name, task in one.tasks.items()
    }
    assert plan_of("1", epochs=3).tasks["runs/pixmix-s0"].parts != one.tasks["runs/pixmix-s0"].parts


def test_titles_say_what_is_smaller_than_in_the_paper() -> None:
    assert scaled(AblateConfig(table="1")) == []
    assert scaled(AblateConfig(table="6", dataset="folder:flowers")) == []
    small = AblateConfig(
        table="6",
        dataset="folder:flowers",
        recipe="quick",
        epochs=1,
        subset=500,
        test_subset=100,
        fractals=64,
        fvis=1,
        size=48,
    )
    told = ["wrn-16-1", "1 epoch", "64 images a step", "500 training images", "100 test images"]
    assert scaled(small) == [*told, "48 px", "64 fractals", "1 visualisation"]


METHODS = ("mix", "mixup", "cutmix", "autoaugment", "augmix", "ipmix")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"table": "1"}, []),
        ({"table": "6", "init": "torchvision", **FOLDER}, []),
        ({"table": "6", **FOLDER}, ["from random weights"]),
        ({"table": "1", "init": "here/a.pt"}, ["from a.pt's weights"]),
        ({"table": "1", "mixing_set": ("sets/mine", "b/")}, ["mixing set mine + b"]),
        ({"table": "1", "mixing_set": ("a", "b"), "weights": (3.0, 1.0)}, ["mixing set 3 a + 1 b"]),
        ({"table": "mixing-sets", "mixing_set": ("a", "b")}, []),
        ({"table": "1", "sets": ("fractals",)}, ["mixing set fractals"]),
        ({"table": "1", "sets": ("fractals", "fvis")}, []),
        ({"table": "1", "lr": 0.2, "dropout": 0.0}, ["learning rate 0.2", "dropout 0"]),
        ({"table": "1", "amp": "bf16"}, ["precision bf16"]),
        ({"table": "1", "iterative": IterativeSettings(every=1)}, ["iterative every 1"]),
        ({"table": "3", "iterative": IterativeSettings(every=1)}, []),
        (
            {"table": "1", "recipe": "imagenet", "lr": 0.1, "dropout": 0.3},
            [f"{name} as in the recipe imagenet" for name in METHODS],
        ),
    ],
)
def test_titles_say_what_else_is_not_the_papers(options: dict[str, Any], told: list[str]) -> None:
    config = AblateConfig(**options)
    assert changed(config) == told
    assert title(config).endswith(f"; changed: {', '.join(told)}") or not told


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"table": "14"}, "table 14: unknown; there are 1, 2, 3"),
        ({"table": "5"}, "table 5: is about ImageNet; name a folder: `dataset`"),
        ({"table": "1", "rows": ("pixmax",)}, "rows pixmax: unknown; table 1 has pixmix, mix-input"),
        ({"table": "1", "recipe": "slow"}, "recipe slow: unknown; the recipes are cifar"),
        ({"table": "1", "seeds": ()}, "seeds: give at least one"),
        ({"table": "1", "seeds": (1, 1)}, "seeds: give at least one, and each once"),
        ({"table": "6", "mixing_set": ("mine",), **FOLDER}, "mixing_set: table 6 compares sets that are made"),
        ({"table": "1", "mixing_set": ("a",), "weights": (1.0, 2.0)}, "`weights` has 2 numbers for 1 mixing sets"),
        ({"table": "mixing-sets", "mixing_set": ("a/x", "b/x")}, "mixing_set: two of the folders have the same name"),
        ({"table": "1", "fvis": 0}, "fvis: a whole number from 1 to"),
        ({"table": "1", "epochs": 0}, "epochs: a whole number from 1 to"),
        ({"table": "1", "devices": ("cpu", "")}, "devices: name at least one"),
        ({"table": "1", "devices": ()}, "devices: name at least one"),
        ({"table": "1", "sets": ("mine",)}, "sets mine: unknown; there are fractals, fvis, deadleaves"),
        ({"table": "1", "sets": ("fvis", "fvis")}, "sets: give each once"),
        ({"table": "1", "sets": ("fvis",), "mixing_set": ("a",)}, "sets: `mixing_set` takes their place"),
        ({"table": "1", "part": "3/2"}, "part 3/2: must be i/n with i from 1 to n"),
        ({"table": "1", "part": "half"}, "part half: must be i/n"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        AblateConfig(**options)
    assert str(caught.value).startswith(message)
