"""From archives as they are downloaded to the finished tables 5, 6 and 9, in small: every command of docs/imagenet.md.

    python benchmarks/imagenet_in_small.py tried
    python benchmarks/imagenet_in_small.py tried --images imagenet-samples.tar --side 256    # at ImageNet's own size

Twenty classes in the layouts of ImageNet, Places365, C, C-bar, P and R, unpacked by `pixmix prepare` and measured by
`pixmix ablate`. It shows that everything fits together; the numbers in the tables mean nothing. Called again, it
goes on where it was. ImageNet-R is unpacked and not measured: that takes a network of 1,000 classes, or of its 200.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import raw_layouts as raw
import raw_sets
import raw_weights

from pixmix.readers import imagenet_wnids

TABLES = ("5", "6", "9")
PROGRAM = "from pixmix.train._command.cli import main; main()"


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the archives, unpack them, and run the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where archives, data sets and tables go")
    parser.add_argument("--images", type=Path, help="a tar archive of class folders to take images from")
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--train", type=int, default=16, help="training images of a class")
    parser.add_argument("--side", type=int, default=74, help="short side of the images; 256 is ImageNet's usual one")
    parser.add_argument("--frames", type=int, default=3, help="of each sequence of P; ImageNet-P has 31")
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--rows", nargs="*", default=(), help="of the tables; by default all")
    parser.add_argument("--tables", nargs="*", default=TABLES)
    given = parser.parse_args(arguments)
    start = time.monotonic()
    root = given.folder.absolute()
    sizes = raw.Sizes(
        wnids=imagenet_wnids()[: given.classes],
        scenes=raw.SCENES[: given.classes],
        train=given.train,
        side=given.side,
        frames=given.frames,
    )
    if not (root / "raw" / "whole").exists():
        make_archives(root / "raw", sizes, raw.Images(given.side, given.images))
        (root / "raw" / "whole").touch()
    _say(start, "archives are there")
    for command in prepare_commands(root / "raw"):
        run(command, root)
    _say(start, "everything is unpacked")
    for table in given.tables:
        command = table_command(table, given.side, given.network, given.rows)
        run(command, root)
        _say(start, f"table {table} is there: {root / command[command.index('--out') + 1] / f'table-{table}.md'}")


def make_archives(folder: Path, sizes: raw.Sizes, images: raw.Images) -> None:
    """The archives, and beside them what is not to be unpacked: weights, outliers, copies."""
    raw.write_imagenet(folder / "imagenet", sizes, images)
    raw.write_places(folder / "places365", sizes, images)
    raw_sets.write_corrupted(folder / "c", sizes, images)
    raw_sets.write_bar(folder / "cbar", sizes, images)
    raw_sets.write_sequences(folder / "p", sizes, images)
    raw_sets.write_renditions(folder / "r", sizes.wnids, images)
    raw_sets.write_outliers(folder / "ood", images)
    raw_sets.write_copies(folder / "stylised", sizes, images)
    raw_weights.write_places_weights(folder / "resnet18_places365.pth.tar")


def prepare_commands(archives: Path) -> list[list[str]]:
    """`pixmix prepare` for each data set; only ImageNet-R lacks images that its count asks for."""
    kinds = ("imagenet", "places365", "c", "cbar", "p", "r")
    return [
        ["prepare", kind, *map(str, sorted((archives / kind).iterdir())), *(["--partial"] if kind == "r" else [])]
        for kind in kinds
    ]


def table_command(table: str, side: int, network: str, rows: Sequence[str]) -> list[str]:
    """`pixmix ablate` for a table of ImageNet or Places365."""
    size = side * 7 // 8
    command = ["ablate", table, "--epochs", "1", "--batch-size", "32", "--size", str(size), "--ood", "raw/ood"]
    command += ["--fractals", "32", "--fvis", "16", "--workers", "1", "--eval-batch-size", "50"]
    if table == "9":
        # Textures, SVHN and Places69 count 25 images each; the weights are a ResNet-18's in the layout of CSAIL's file.
        command += ["--dataset", "folder:places365", "--init", "raw/resnet18_places365.pth.tar"]
        command += ["--outliers", "raw/ood/dtd/images", "--out", "tables/places365"]
    else:
        command += ["--dataset", "folder:imagenet", "--network", network, "--out", "tables/imagenet"]
        command += ["--c", "ImageNet-C", "--cbar", "ImageNet-C-Bar", "--p", "ImageNet-P", "--copies", "raw/stylised"]
    return [*command, *(["--rows", *rows] if rows and table != "9" else [])]


def run(command: Sequence[str], folder: Path) -> None:
    """Run `pixmix` in a folder, and show the command."""
    print(f"$ pixmix {shlex.join(command)}", flush=True)
    subprocess.run([sys.executable, "-P", "-c", PROGRAM, *command], cwd=folder, check=True)


def _say(start: float, what: str) -> None:
    print(f"{time.monotonic() - start:.0f} s: {what}", flush=True)


if __name__ == "__main__":
    main()
