"""`pixmix slurm`: the job script of a training or of a table."""

from __future__ import annotations

from typing import Any

from mixset._common.errors import InputError
from mixset._common.flags import flags_of
from mixset._common.parsing import in_flags

from . import slurm_scripts
from .configs import ablate_config, train_config
from .slurm_config import SlurmConfig


def job_script(config: SlurmConfig) -> str:
    """The text of the script.

    Raises:
        InputError: the program would not take the arguments.
    """
    if config.program == "train":
        from .._data.datasets import check_name
        from .._data.place_names import path_of
        from .._runs.method_settings import check_given

        trained = train_config(list(config.arguments))
        with in_flags(flags_of(type(trained), trained)):
            check_given(trained)
            if path_of(trained.dataset) is None:  # folders may be on the cluster alone
                check_name(trained.dataset)
        if config.gpus and trained.device == "cpu":
            raise InputError("--device cpu: needs no GPU; give --gpus 0")
        return slurm_scripts.training(config, trained)
    from .._ablations.config import AblateConfig
    from .._ablations.plan import make_plan

    table: Any = ablate_config(list(config.arguments))
    for name, given in {"part": table.part != AblateConfig.part, "plan": table.plan}.items():
        if given:
            raise InputError(f"--{name}: the array shares out the cells itself; leave it out")
    asked = {place for place in table.places if place.startswith("cuda")}
    if len(asked) > config.gpus:
        raise InputError(f"--devices: names {len(asked)} GPUs, and the job has {config.gpus}; give more by --gpus")
    with in_flags(flags_of(type(table), table)):
        cells = [cell.task.partition("/")[2] for cell in make_plan(table).cells]
    return slurm_scripts.table(config, table, cells)
