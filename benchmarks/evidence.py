"""The paper's table of CIFAR-10, cell by cell: each done whole once, kept in docs/results, and shown in the docs.

    python benchmarks/evidence.py cifar10.tar.xz --ood textures.tar --list
    python benchmarks/evidence.py cifar10.tar.xz --ood textures.tar --minutes 10
    python benchmarks/evidence.py --render

A cell is a row of the table under one seed: its network is trained, and measured on the clean test images, on C, C-bar
and P made of them, under PGD, on outliers, and for calibration. From a clean installation, the data set is unpacked,
and `pixmix ablate` makes the mixing sets and, on the CPU's cores while the GPU trains, the corrupted images. All work
lies in --out: what is finished there is never done again, and what is killed resumes. A cell whose file lies in
--results under its key (the recipe, the content of its mixing set, data set and outliers, and the protocol's version)
is never run again, either. Any option that makes the cells smaller makes other cells, which the docs do not show.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from evidence_cells import CELLS, Cell, Scale, Site
from evidence_pages import PAGES, render
from evidence_results import FOLDER, read_results
from evidence_work import Work, say

from mixset._common.console import run_command
from mixset._common.errors import InputError, reading
from mixset._common.files import ensured_folder
from mixset._store.archives import open_tar


def unpacked(source: Path, out: Path) -> Path:
    """The folder that `source` is, or that its archive holds, unpacked in `out` unless it is there already.

    Raises:
        InputError: there is no such folder or archive, or it is damaged.
    """
    if source.is_dir():
        return source
    folder = out / source.name.partition(".")[0]
    if not folder.exists():
        begun = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(begun, ignore_errors=True)  # of a call that was killed
        with ensured_folder(out, "folder"), open_tar(source) as archive:
            say(f"unpacking {source}")
            with reading(f"archive {source}", "fetch it again"):
                for member in archive:
                    archive.extract(member, begun, filter="data")
        begun.rename(folder)
    return folder


def chosen(words: list[str]) -> list[Cell]:
    """The cells of --cells: all, the first so many, or those of these names, in their order."""
    known = {cell.name: cell for cell in CELLS}
    if not words:
        return list(CELLS)
    if len(words) == 1 and words[0].isdecimal():
        return list(CELLS[: int(words[0])])
    if unknown := [name for name in words if name not in known]:
        raise InputError(f"--cells {unknown[0]}: unknown; there are {', '.join(known)}")
    return [cell for cell in CELLS if cell.name in words]


def site_of(options: argparse.Namespace) -> Site:
    """What the options say of the place; archives are unpacked."""
    if options.data is None:
        raise InputError("DATA: name the data set, an archive or a folder with train/ and test/")
    scale = Scale(**{name: getattr(options, name) for name in Scale.__dataclass_fields__})
    fvis = options.fvis_set or options.out / scale.name / "fvis"
    if fvis.name != "fvis":
        raise InputError(f"--fvis-set {fvis}: rows are named by their set's folder; call it fvis")
    return Site(
        data=unpacked(options.data, options.out),
        out=options.out,
        scale=scale,
        fvis=fvis,
        ood=unpacked(options.ood, options.out) if options.ood else None,
        frost=options.frost,
        outliers=options.outliers,
        devices=tuple(options.devices),
    )


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("data", nargs="?", type=Path, metavar="DATA", help="the data set: an archive, or a folder, of train/ and test/")
    add("--ood", type=Path, help="out-of-distribution sets, a folder each: an archive or a folder")
    add("--frost", type=Path, help="a folder with the photographs of frost, as `pixmix corrupt` takes it")
    add("--outliers", type=Path, help="images for outlier exposure: without it the cell oe is not run")
    add("--fvis-set", type=Path, help="the folder fvis that the baseline's cell made elsewhere")
    add("--cells", nargs="*", default=[], help="some cells by name, or how many from the first on; by default all")
    add("--minutes", type=float, help="begin no cell that cannot end within them, and stop when they are over")
    add("--devices", nargs="+", default=["auto"], help="as in `pixmix ablate`; one named twice runs two cells at once")
    add("--out", type=Path, default=Path("evidence"), help="the folder of all work (evidence)")
    add("--results", type=Path, default=FOLDER, help="the folder of the finished cells' files (docs/results)")
    add("--list", action="store_true", help="print the cells in their order, and where each stands")
    add("--render", action="store_true", help="write the results into README and docs/measurements.md")
    add("--network", help="a smaller network; this and what follows makes other cells")
    add("--epochs", type=int, help="fewer epochs")
    add("--subset", type=int, help="fewer training images")
    add("--test-subset", type=int, help="fewer test images")
    add("--fractals", type=int, default=Scale.fractals, help="fewer fractals")
    add("--fvis", type=int, default=Scale.fvis, help="fewer visualisations")
    return parser.parse_args()


def main() -> None:
    start = time.monotonic()  # unpacking counts, too
    options = parsed()
    if options.minutes is not None and not 0 < options.minutes < 1e6:
        raise InputError(f"--minutes {options.minutes:g}: a number above 0 is needed")
    if options.render:
        if options.data or options.list:
            raise InputError("--render: writes the docs from the files of cells alone; leave DATA and --list out")
        for page in PAGES:
            say(f"wrote {render(page, read_results(options.results))}")
        return
    cells = chosen(options.cells)  # first, as archives take half a minute to unpack
    work = Work(site_of(options), options.results, cells, options.minutes, start)
    if options.list:
        for cell in work.wanted:
            say(f"{cell.name:18} {work.state(cell)}")
        say(work.count())
    elif not work.run():
        sys.exit(1)


if __name__ == "__main__":
    run_command(main)
