"""What a table is made of, looked at before anything is made: data, networks, weights, sets, photographs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from mixset import MixingSet
from mixset._common.errors import InputError, reading
from mixset._common.files import check_file
from mixset.generate._fvis import need_lucent
from mixset.generate._networks.spec import network_spec
from pixmix._evaluators.sets import Reading
from pixmix._evaluators.suites import EVALUATORS, check_suites
from pixmix.corruptions._c.frost import find_frost
from pixmix.methods._outlier_sets import load_outliers

from .._data.datasets import check_name, with_copies
from .._data.labelled import TrainingData
from .._data.place_names import path_of
from .._runs.processes import choose_device, torch_state_kept
from .._training.run import start_network, training_data
from .config import AblateConfig
from .plan import Plan, Task, training
from .rows import rows_of
from .runner import is_done
from .tables import Row


def check_inputs(config: AblateConfig, plan: Plan, tasks: Sequence[Task]) -> None:
    """See that the tasks that are not done yet can be done, as far as that can be known; makes and downloads nothing.

    Raises:
        InputError: something is absent, is not what it should be, or was made with other settings.
    """
    check_file(config.folder / f"table-{config.table}.json")
    check_name(config.data_name)
    for device in config.places:
        choose_device(device)
    left = {task.name: task for task in tasks if not is_done(task, config.folder)}
    if not left:
        return
    if "sets/fvis" in left or any("iterative" in task.command for task in left.values()):
        need_lucent()
    if "suites/c" in left:
        find_frost(config.frost)
    for name in config.mixing_set:
        if name != "fractals":
            MixingSet(Path(name))
    if config.weights:
        _check_weights(config.weights)
    if not _is_here(config):
        print(f"{config.data_name} is not in {config.data_folder}: the first run downloads it", file=sys.stderr)
        return
    rows = rows_of(config)
    data = training_data(training(config, next(iter(rows.values())), config.seeds[0]))  # all rows train on the same
    _check_with(config, data, [row for name, row in rows.items() if name not in plan.left_out])


def _check_weights(weights: Sequence[float]) -> None:
    if not sum(weights):
        raise InputError("weights: all are zero; one above zero is needed")


def _is_here(config: AblateConfig) -> bool:
    """Whether the data set needs no download."""
    if path_of(config.data_name) is not None or config.data_name == "digits":
        return True
    with reading(f"data_folder {config.data_folder}", "choose another folder"):
        return config.data_folder.is_dir() and any(config.data_folder.iterdir())


def _check_with(config: AblateConfig, data: TrainingData, rows: Sequence[Row]) -> None:
    """See that networks, sets and suites fit the data."""
    if config.copies is not None:
        with_copies(data, config.copies)
    if config.outliers is not None:
        if config.outliers.is_dir():
            MixingSet(config.outliers)
        else:
            load_outliers(config.outliers, data.size)
    folders = {name: path for name in ("c", "cbar", "p", "r", "ood") if (path := getattr(config, name)) is not None}
    # A set that no column of this table asks for is looked at, too; outlier sets go with the suite anomalies.
    suites = {column.suite for column in config.paper.columns} | ({"anomalies"} if "ood" in folders else set())
    check_suites(
        [name for name in EVALUATORS if name in folders or (name in suites and not EVALUATORS[name].of_set)],
        (len(data.test), data.size, data.size),
        sets=folders,
        reading=Reading(classes=data.classes, resize=config.large, partial=config.partial),
    )
    if rows:
        run = training(config, rows[0], config.seeds[0])
        spec = network_spec(run.network, classes=len(data.classes), dropout=run.dropout, drop_path=run.drop_path)
        with torch_state_kept(torch.device("cpu")):
            start_network(run, spec, data, quiet=True)
