"""The search for a training recipe ahead of PixMix's, by what no table shows.

    python benchmarks/recipe.py FOLDER OUT [--candidates NAME ...] [--jobs 2]

FOLDER has CIFAR-10's `train/`, a folder a class. Networks are trained on the first 1,000 images of each class and
judged by the next 200, on which no table trains. They are judged by four corruptions that are neither among the 15 of C
nor among the 10 of C̄: those that C's authors made for validation. The test images are never opened.

The protocol, fixed before anything was measured on test images:

- WRN-10-2 without dropout, batches of 128, a rate of 0.1 that falls to 1e-6 by a cosine, 12 epochs, bfloat16; seed 0.
- One candidate is ahead of another if its mean error under the four corruptions, over the five severities, is lower.
  Those are out whose clean error on the 2,000 images is more than a percentage point above PixMix's.
- The best with three views is the recipe and the best without is its cheap form, if its training costs at most 3 times
  as much as PixMix's (the cheap form's 1.1 times). A weight of the Jensen-Shannon term below 12 is taken where it
  halves RMS on the 2,000 images at an error under the corruptions that is at most half a point higher.
- With three views are tried: PixMix, the best of the other candidates without, and three views that are made apart.

When it was run, `pixprime` was a candidate like those in recipe_candidates.py, and tossed other coins.

The recipe, its cheap form and PixMix are then measured on test images with seeds 0, 1 and 2:

    pixmix ablate arena --dataset folder:FOLDER --subset 10000 --test-subset 500 --network wrn-10-2 --dropout 0 \
      --epochs 12 --amp bf16 --seeds 0 1 2 --sets fractals --fractals 4096 --rows pixmix ...

Each candidate that is tried has a line in the table that is printed, and in OUT/search.json, whatever comes of it. What
is there is not run again. Seconds are those of training, one thread each, `--jobs` at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

EPOCHS = 12
TRAINED, JUDGED = 1000, 200
"""Images of a class."""
CORRUPTIONS = ("gaussian_blur", "saturate", "spatter", "speckle_noise")
FAMILIES = ("fractals", "deadleaves", "spectrum", "julia", "plasma")
"""Mixing sets that can be taken: 4,096 images each, of 64 px."""
OURS = Path(__file__).resolve().with_name("recipe_candidates.py")

CANDIDATES: dict[str, tuple[Any, ...]] = {
    "baseline": ("baseline", ()),
    "pixmix": ("pixmix", FAMILIES[:1]),
    "pixmix, all families": ("pixmix", FAMILIES),
    "prime": ("prime", ()),
    "prime+pixmix": ("prime+pixmix", FAMILIES[:1]),
    "apr-s+pixmix": ("apr-s+pixmix", FAMILIES[:1]),
    "pixprime": ("pixprime", FAMILIES[:1]),
    "half-primed": (f"{OURS}:half_primed", FAMILIES[:1]),
    "primed-partner": (f"{OURS}:primed_partner", FAMILIES[:1]),
    "pixmix+jsd": ("pixmix+jsd", FAMILIES[:1]),
    "prime+pixmix+jsd": ("prime+pixmix+jsd", FAMILIES[:1]),
    "pixprime+jsd, weight 12": ("pixprime+jsd", FAMILIES[:1], "--jsd.weight", "12"),
    "pixprime+jsd": ("pixprime+jsd", FAMILIES[:1]),
    "three-views, weight 3": (f"{OURS}:three_views", FAMILIES[:1], "--jsd.weight", "3"),
    "three-views, weight 1": (f"{OURS}:three_views", FAMILIES[:1], "--jsd.weight", "1"),
    "half-primed+jsd": (f"{OURS}:half_primed+jsd", FAMILIES[:1]),
    "primed-partner+jsd": (f"{OURS}:primed_partner+jsd", FAMILIES[:1]),
}
"""Name → `--method`, the families of its mixing sets, further flags."""


def command(*words: str | Path) -> None:
    """Run `pixmix` or `mixset` on one thread.

    Raises:
        SystemExit: it failed; with what it printed.
    """
    alone = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    program = Path(sys.executable).parent / str(words[0])
    done = subprocess.run([program, *map(str, words[1:])], env=os.environ | alone, text=True, capture_output=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}\n{done.stderr}")


def split(folder: Path, out: Path) -> Path:
    """A data set of links: `train/` to train on, `test/` to judge by, both from FOLDER's train/."""
    for name in sorted(path.name for path in (folder / "train").iterdir()):
        images = sorted((folder / "train" / name).iterdir())
        for part, chosen in (("train", images[:TRAINED]), ("test", images[TRAINED : TRAINED + JUDGED])):
            (out / part / name).mkdir(parents=True, exist_ok=True)
            for image in chosen:
                if not (out / part / name / image.name).exists():
                    (out / part / name / image.name).symlink_to(image.resolve())
    return out


def measure(name: str, out: Path) -> dict[str, Any]:
    """Train a candidate and judge it: its clean error, RMS and errors under the corruptions, in per cent."""
    method, families, *flags = CANDIDATES[name]
    run = out / "runs" / name.replace(", ", "-").replace(" ", "-")
    mixing = ["--mixing-set", *(out / "sets" / family for family in families)] if families else []
    recipe = ["--network", "wrn-10-2", "--dropout", "0", "--epochs", str(EPOCHS), "--amp", "bf16", "--threads", "1"]
    suites = ["--suite", "clean", "calibration"]
    data, alone = f"folder:{out / 'split'}", ("--workers", "0")
    command(
        "pixmix", "train", data, "--method", method, *flags, *mixing, *recipe, *suites, *alone, "--out", run, "--resume"
    )
    command("pixmix", "evaluate", run, "--suite", "c", "--c", out / "corrupted", *alone)
    found = json.loads((run / "metrics.json").read_text())
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    errors = {each: 100 * found["c"][each]["value"] for each in CORRUPTIONS}
    return {
        "name": name,
        "method": method.removeprefix(f"{OURS}:"),
        "mixing sets": list(families),
        "flags": flags,
        "clean": 100 * found["clean"]["error"]["value"],
        "rms": 100 * found["calibration"]["rms_reference"]["value"],
        "corrupted": statistics.fmean(errors.values()),
        **errors,
        "seconds": sum(entry["seconds"] for entry in log),
    }


def show(results: list[dict[str, Any]]) -> None:
    """Print the table, best first."""
    columns = ("clean", "rms", "corrupted", *CORRUPTIONS)
    print(f"{'candidate':<22}" + "".join(f"{name:>15}" for name in (*columns, "seconds")))
    for result in sorted(results, key=lambda each: each["corrupted"]):
        print(
            f"{result['name']:<22}"
            + "".join(f"{result[name]:15.2f}" for name in columns)
            + f"{result['seconds']:15.0f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--candidates", nargs="+", default=list(CANDIDATES), choices=list(CANDIDATES), metavar="NAME")
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    out = chosen.out.resolve()
    data = split(chosen.folder, out / "split")
    for family in FAMILIES:
        command("mixset", "make", family, "--count", "4096", "--size", "64", out / "sets" / family)
    command("pixmix", "corrupt", f"folder:{data}", out / "corrupted", "--corruptions", *CORRUPTIONS)
    log = out / "search.json"
    results = {each["name"]: each for each in (json.loads(log.read_text()) if log.exists() else [])}
    with ThreadPoolExecutor(chosen.jobs) as pool:
        for result in pool.map(lambda name: measure(name, out), chosen.candidates):
            results[result["name"]] = result
            log.write_text(json.dumps(list(results.values()), indent=1) + "\n")
            print(f"{result['name']}: {result['corrupted']:.2f} % under corruptions", flush=True)
    show(list(results.values()))


if __name__ == "__main__":
    main()
