"""What is given of a method that is not in use is refused before anything is read; runs that began with it go on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_train_run import quick

from mixset._common.errors import InputError
from pixmix.methods import METHODS, Method, register_method
from pixmix.methods._rival_settings import JSDSettings
from pixmix.methods._settings import AugMixSettings, CutMixSettings, MixupSettings, Noise2NetSettings, OESettings
from pixmix.train._ablations.config import AblateConfig
from pixmix.train._ablations.plan import make_plan
from pixmix.train._command import cli
from pixmix.train._runs.config import RECIPES, TrainConfig
from pixmix.train._runs.iterative_settings import IterativeSettings
from pixmix.train._runs.method_settings import GROUPS, check_given
from pixmix.train._training.run import train

pytestmark = pytest.mark.usefixtures("one_thread")
UNUSED = [
    ({"oe": OESettings(weight=3)}, r"oe\.weight: is for the method oe; method baseline does not use it"),
    ({"method": "pixmix+cutmix", "mixup": MixupSettings(alpha=2)}, r"mixup\.alpha: .* method pixmix\+cutmix does not"),
    ({"method": "augmix", "jsd": JSDSettings(weight=1)}, r"jsd\.weight: is for the method jsd"),
    ({"iterative": IterativeSettings(every=3)}, r"iterative\.every: is for the method iterative"),
    ({"mixing_set": ("fractals",)}, r"mixing_set: is for the methods ipmix, .* and layermix; method baseline"),
    ({"outliers": Path("o.npy")}, r"outliers: is for the method oe"),
    ({"copies": Path("copies")}, r"copies: is for the methods sin and edsr"),
    ({"method": "oe", "data_folder": Path("none")}, r"method oe: needs `outliers`"),
    ({"method": "pixmix"}, r"method pixmix: needs `mixing_set`"),
    ({"method": "sin"}, r"method sin: needs `copies`"),
]


@pytest.mark.parametrize(("given", "line"), UNUSED)
def test_what_the_method_does_not_use_or_lacks_is_told_before_the_data_is_read(
    tmp_path: Path, given: dict[str, Any], line: str
) -> None:
    config = TrainConfig(dataset=f"folder:{tmp_path / 'absent'}", out=tmp_path / "run", **given)
    with pytest.raises(InputError, match=line):
        train(config)
    assert not (tmp_path / "run").exists()


def test_settings_of_every_part_and_of_what_it_is_made_of_are_taken() -> None:
    check_given(TrainConfig(method="augmix+jsd", augmix=AugMixSettings(jsd=0), jsd=JSDSettings(weight=1)))
    check_given(
        TrainConfig(method="moiremix+cutmix", cutmix=CutMixSettings(beta=2), mix=replace(TrainConfig().mix, k=2))
    )
    check_given(TrainConfig(method="iterative", mix=replace(TrainConfig().mix, k=2)))


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipes_own_settings_are_nobodys(name: str) -> None:
    check_given(RECIPES[name]())
    check_given(TrainConfig(recipe=name))


def test_a_setting_that_a_recipe_has_otherwise_is_seen() -> None:
    config = replace(RECIPES["imagenet"](), mixup=MixupSettings(alpha=0.5))
    with pytest.raises(InputError, match=r"mixup\.alpha"):
        check_given(config)


def test_each_group_of_settings_is_some_methods() -> None:
    groups = {name for name, value in vars(TrainConfig()).items() if hasattr(value, "__dataclass_fields__")}
    assert groups == {group for looked_at in GROUPS.values() for group in looked_at} & groups
    # Those without a group have no settings at all.
    assert {name for name, looked_at in GROUPS.items() if not groups & {*looked_at}} == {"baseline", "sin", "edsr"}


@pytest.fixture
def own_methods() -> Iterator[None]:
    register_method("settled")(lambda setting: Method())
    register_method("unsettled")(type("Unsettled", (Method,), {}))
    yield
    del METHODS["settled"], METHODS["unsettled"]


@pytest.mark.usefixtures("own_methods")
def test_a_function_of_ones_own_may_look_at_any_setting_and_a_class_at_none() -> None:
    check_given(TrainConfig(method="settled+cutmix", oe=OESettings(weight=3)))
    with pytest.raises(InputError, match=r"oe\.weight: .* method unsettled does not use it"):
        check_given(TrainConfig(method="unsettled", oe=OESettings(weight=3)))


def test_a_run_that_began_with_such_a_setting_resumes(tmp_path: Path) -> None:
    """Releases before took it, and its config.json has it: what stops it is that its data is gone."""
    old = quick(tmp_path / "absent", tmp_path / "run", oe=OESettings(weight=3))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(json.dumps({"config": old.to_json()}))
    with pytest.raises(InputError, match="absent"):
        train(replace(old, resume=True))
    with pytest.raises(InputError, match=r"holds a run with oe"):
        train(replace(old, oe=OESettings(weight=2), resume=True))
    with pytest.raises(InputError, match=r"oe\.weight: is for the method oe"):
        train(old)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("train digits --noise2net.blocks 3", "--noise2net.blocks: is for the method noise2net; method baseline"),
        ("slurm train digits --oe.weight 3", "--oe.weight: is for the method oe; method baseline"),
        ("ablate 1 --rows pixmix --iterative.every 3 --plan", "--iterative.every: is for the method iterative; none"),
    ],
)
def test_the_commands_name_flag_and_method(
    line: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["pixmix", *line.split()])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.startswith(f"error: {said}") and error.count("\n") == 1


def test_a_table_refuses_only_what_no_row_uses() -> None:
    table = {"table": "1", "out": Path("x")}
    own = IterativeSettings(every=3)
    make_plan(AblateConfig(**table, rows=("baseline", "iterative"), iterative=own))
    make_plan(AblateConfig(**table, rows=("baseline", "cutmix"), plus="pixmix", mixing_set=("m",)))
    with pytest.raises(InputError, match=r"iterative\.every: .* none of the rows baseline, pixmix uses it"):
        make_plan(AblateConfig(**table, rows=("baseline", "pixmix"), iterative=own))
    for name, value in {"outliers": Path("o"), "copies": Path("c"), "mixing_set": ("m",)}.items():
        with pytest.raises(InputError, match=rf"{name}: .* none of the rows baseline, cutmix uses it"):
            make_plan(AblateConfig(**table, rows=("baseline", "cutmix"), **{name: value}))


def test_settings_of_lists_are_compared_as_they_are_kept() -> None:
    check_given(TrainConfig(noise2net=Noise2NetSettings(epsilon=[0.375, 0.75])))
