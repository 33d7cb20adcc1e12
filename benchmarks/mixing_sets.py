"""Mixing sets beside each other under one protocol: which to mix in, of which size, and which statistic says so.

    python benchmarks/mixing_sets.py cifar10.tar.xz --ood textures.tar --given photographs=imagenet.tar --list
    python benchmarks/mixing_sets.py cifar10.tar.xz --ood textures.tar --given photographs=imagenet.tar --minutes 3.5
    python benchmarks/mixing_sets.py --render

From a clean installation: the data set is unpacked, the sets are made while the first cells run, and `pixmix ablate
mixing-sets` trains and measures the cells, as many side by side as --devices names places. A cell that has ended is
added to the file --results at once, and is never run again where that file lies. What is killed resumes.

The protocol, fixed before anything was measured:

- All rows are `--method pixmix` with the paper's k = 4 and beta = 3, and differ in the mixing set alone; above them
  stands the baseline without PixMix. Network, epochs and images are the same in all cells of a file.
- Families: each style of `mixset make` at 64 px and as many images in each set (--count); a blend of all of them but
  the classic styles, as large as each; images from elsewhere (--given NAME=PATH: a folder, a tar, an .npy, or a set
  that is taken as it is), scaled to 64 px; and visualisations of the baseline's own network of the first seed, by both
  parametrisations, at 36 px.
- Sizes: fractals, programs, moire and deadleaves drawn at 36, 64 and 256 px, each scaled to 36 px as the pool scales
  (antialiased, as the paper does), and those of 64 and 256 px by picking pixels, too (aliased). What is drawn at 36 px
  is not scaled. Means over the four families stand below.
- Columns are those of `pixmix ablate`. Each is a mean over the seeds with its standard deviation; the last row of a
  table is the standard deviation of a seed, pooled over all rows: differences below twice that are noise.
- Statistics are medians over 500 images as training mixes them in, at 36 px, but for `coarse`, which is of the set's
  own images: what of the contrast scaling leaves (1 at 36 px). `pixel energy` is the trial's: mean |Laplace| / 4.
- Spearman's rank correlation of each statistic with each column (and with the AUROC on each outlier set) is taken over
  the means of a table's sets, the baseline left out. Chance is shown by 10,000 shuffles of the sets: the strength that
  5 % of the shuffles exceed in one correlation, and the one that the strongest of all exceeds in 5 % of them. A
  statistic *predicts* a column only if its correlation is beyond the second. Two of the synthetic outlier sets are
  noise of pixels, so that a correlation with mean AUROC counts only if textures have it, too.
- A size or a scaling *wins* a column if its mean over families is ahead of the default's (64 px, scaled by the pool) by
  more than twice the pooled deviation / sqrt(seeds * families) * sqrt(2), in the same direction in every family.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path
from typing import get_args

from evidence import unpacked
from mixing_sets_made import Source, families, sizes
from mixing_sets_pages import render, show
from mixing_sets_results import FILE, read_results
from mixing_sets_work import BASELINE, Site, Work, say

from mixset._common.console import run_command
from mixset._common.errors import InputError
from pixmix.train._runs.config import Precision

PARTS = ("families", "sizes")
SIZES = ("network", "epochs", "subset", "test_subset", "amp")


def given(words: list[str]) -> dict[str, Path]:
    """NAME=PATH by name.

    Raises:
        InputError: a word is none, a name is a family's or not one, or there is nothing at a path.
    """
    found: dict[str, Path] = {}
    taken = {BASELINE, *(source.name for source in (*families({}, True), *sizes()))}
    for word in words:
        name, equals, path = word.partition("=")
        if not equals or not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name) or name in taken or name in found:
            raise InputError(f"--given {word}: NAME=PATH is needed, of small letters, and no other row's name")
        if not Path(path).exists():
            raise InputError(f"--given {word}: there is no {path}")
        found[name] = Path(path).absolute()
    return found


def rows_of(options: argparse.Namespace) -> list[Source]:
    """The rows asked for, each once."""
    every = {
        "families": families(given(options.given), options.fvis > 0),
        "sizes": sizes(),
    }
    chosen = {source.name: source for part in options.parts for source in every[part]}
    if options.rows:
        if unknown := [name for name in options.rows if name not in chosen]:
            raise InputError(f"--rows {unknown[0]}: unknown; there are {', '.join(chosen)}")
        chosen = {name: source for name, source in chosen.items() if name in options.rows}
    return list(chosen.values())


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("data", nargs="?", type=Path, metavar="DATA", help="the data set: an archive, or a folder, of train/ and test/")
    add("--ood", type=Path, help="out-of-distribution sets, a folder each: an archive or a folder")
    add("--frost", type=Path, help="a folder with the photographs of frost, as `pixmix corrupt` takes it")
    add("--given", nargs="+", default=[], metavar="NAME=PATH", help="images from elsewhere that get a row")
    add("--parts", nargs="+", default=list(PARTS), choices=PARTS, help="which tables; by default both")
    add("--rows", nargs="+", default=[], metavar="ROW", help="some rows by name, and the baseline; by default all")
    add("--seeds", nargs="+", type=int, default=[0, 1, 2], help="a run each (0 1 2)")
    add("--network", default="wrn-40-4", help="the network (wrn-40-4); this and what follows makes another protocol")
    add("--epochs", type=int, default=15, help="passes over the training images (15)")
    add("--subset", type=int, help="fewer training images")
    add("--test-subset", type=int, default=2000, help="test images (2,000)")
    add("--amp", default="auto", choices=get_args(Precision), help="mixed precision of training (auto)")
    add("--count", type=int, default=4096, help="images in a mixing set (4,096)")
    add("--fvis", type=int, default=1024, help="visualisations of the baseline's network (1,024); 0 for none")
    add("--devices", nargs="+", default=["auto"], help="as in `pixmix ablate`; one named twice runs two cells at once")
    add("--minutes", type=float, help="begin no cell after them")
    add("--out", type=Path, default=Path("mixing-sets"), help="the folder of all work (mixing-sets)")
    add("--results", type=Path, default=FILE, help="the file of the finished cells (docs/mixing-sets.json)")
    add("--list", action="store_true", help="print the rows, and which cells are there")
    add("--render", action="store_true", help="write what was measured into docs/mixing-sets-compared.md")
    return parser.parse_args()


def main() -> None:
    start = time.monotonic()  # unpacking counts, too
    options = parsed()
    if options.render:
        if options.data or options.list:
            raise InputError("--render: writes the docs from the files of cells alone; leave DATA and --list out")
        say(f"wrote {render()}")
        return
    if options.data is None:
        raise InputError("DATA: name the data set, an archive or a folder with train/ and test/")
    if options.minutes is not None and not 0 < options.minutes < 1e6:
        raise InputError(f"--minutes {options.minutes:g}: a number above 0 is needed")
    if len({*options.seeds}) < len(options.seeds):
        raise InputError("--seeds: each once is enough")
    if min(options.count, options.fvis + 1) < 1:
        raise InputError("--count and --fvis: whole numbers from 1 and from 0 are needed")
    out, rows = options.out.absolute(), rows_of(options)
    site = Site(
        data=unpacked(options.data, out).absolute(),
        out=out,
        count=options.count,
        fvis=options.fvis,
        sizes={name: getattr(options, name) for name in SIZES},
        ood=unpacked(options.ood, out).absolute() if options.ood else None,
        frost=options.frost,
        devices=tuple(options.devices),
    )
    work = Work(site, options.results, rows, options.seeds, options.minutes, start)
    if options.list:
        for name in (BASELINE, *work.sources):
            there = [str(seed) for seed in options.seeds if work.results.there(name, seed)]
            say(f"{name:22} " + (f"seeds {' '.join(there)}" if there else "–"))
        say(work.count())
        return
    whole = work.run()
    if options.results.exists():
        show(read_results(options.results))
    if not whole:
        sys.exit(1)


if __name__ == "__main__":
    run_command(main)
