"""`pixmix ablate`: a table of the paper, from its commands to its numbers beside the paper's."""

from __future__ import annotations

import shlex
from typing import Any

from .config import AblateConfig

__all__ = ["AblateConfig", "ablate"]


def ablate(config: AblateConfig) -> dict[str, Any] | None:
    """Run what a table needs, and write and print it.

    Everything lies in `config.folder`: `sets/`, `suites/`, `runs/`, `logs/`, and of the table `table-NAME.json`, `.md`,
    `.tex` and `.csv`. A row that failed is shown as failed.

    SIGTERM and SIGUSR1, where this is the main thread, end the runs with a checkpoint: SystemExit with code 75.

    Returns:
        The content of the table's JSON file; None with `config.plan`.

    Raises:
        InputError: something in the config that cannot be, or a folder that holds runs with other settings.
    """
    from .inputs import check_inputs
    from .plan import make_plan

    plan = make_plan(config)
    number, count = config.share
    mine = [cell.task for cell in plan.cells[number - 1 :: count]]
    tasks = list({task.name: task for name in mine for task in plan.needed(name)}.values())
    check_inputs(config, plan, tasks)
    if config.plan:
        for task in tasks:
            print(shlex.join(task.command))
        return None

    from .._runs.processes import choose_device
    from .._runs.run_folder import owned
    from .._runs.stopping import stop_request
    from .results import results
    from .runner import carry_out

    devices = [str(choose_device(device)) for device in config.places]
    # Calls of other tables and other parts share the folder: each of their tasks has a lock of its own.
    with (
        stop_request(alone=True),
        owned(
            config.folder,
            f"part {config.part} of table {config.table} in",
            lock=f".lock-{config.table}-{number}-{count}",
        ),
    ):
        return _write(config, results(config, plan, carry_out(plan, mine, config.folder, devices)))


def _write(config: AblateConfig, found: dict[str, Any]) -> dict[str, Any]:
    """Write the table in every form, then print it."""
    from mixset._common.files import write_file

    from .._reports import grids
    from .._runs.run_folder import write_json
    from .render import grid, numbers

    path = config.folder / f"table-{config.table}.json"
    write_json(path, found)
    for suffix in (".md", ".tex"):
        grids.write(grid(found), path.with_suffix(suffix))
    write_file(path.with_suffix(".csv"), numbers(found).encode())
    grids.show(grid(found))
    return found
