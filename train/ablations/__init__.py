"""`pixmix ablate`: a table of the paper, from its commands to its numbers beside the paper's."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from .config import AblateConfig

if TYPE_CHECKING:
    from .plan import Plan

__all__ = ["AblateConfig", "ablate"]


def ablate(config: AblateConfig) -> dict[str, Any] | None:
    """Run what a table needs, and write and print it.

    Everything lies in `config.folder`: `sets/`, `suites/`, `runs/`, `logs/`, and of the table `table-NAME.json`, `.md`,
    `.tex` and `.csv`. A row that failed is shown as failed.

    Returns:
        The content of the table's JSON file; None with `config.plan`.

    Raises:
        InputError: something in the config that cannot be, or a folder that holds runs with other settings.
    """
    from .plan import make_plan

    plan = make_plan(config)
    number, count = config.share
    mine = [cell.task for cell in plan.cells[number - 1 :: count]]
    if config.plan:
        tasks = {task.name: task for name in mine for task in plan.needed(name)}
        for task in tasks.values():
            print(shlex.join(task.command))
        return None

    from mixset.partials import write_atomically

    from .. import grids
    from ..data import check_name
    from ..processes import choose_device
    from ..run_folder import check_writable, write_json
    from .render import grid, numbers
    from .results import results
    from .runner import carry_out

    check_name(config.dataset or config.paper.dataset or "")
    check_writable(config.folder)
    devices = [str(choose_device(device)) for device in config.devices]
    _check_frost(config, plan)
    failed = carry_out(plan, mine, config.folder, devices)
    found = results(config, plan, failed)
    path = config.folder / f"table-{config.table}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, found)
    for suffix in (".md", ".tex"):
        grids.write(grid(found), path.with_suffix(suffix))
    write_atomically(path.with_suffix(".csv"), numbers(found).encode())
    grids.show(grid(found))
    return found


def _check_frost(config: AblateConfig, plan: Plan) -> None:
    """C has frost, whose photographs the user brings: that they lack is said before hours of training."""
    from pixmix.corruptions.frost import find_frost

    from .runner import is_done

    task = plan.tasks.get("suites/c")
    if task is not None and not is_done(task, config.folder):
        find_frost(config.frost)
