"""What is needed to repeat the runs: commands, seeds, versions."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from mixset._common.errors import InputError, printable
from mixset._store import manifest
from mixset.generate._job.families import FAMILIES, load
from pixmix._common.attack import PGDSettings
from pixmix._common.autoattack import AutoAttackSettings
from pixmix._common.precisions import precision_of
from pixmix._evaluators.set_names import MADE

from .._runs.commands import command
from .._runs.run_folder import versions
from .page import Section
from .repeat_scores import asked_scores
from .runs import Run

OWN = ("clean", "calibration", "adversaries", "anomalies")
"""The suites that a run measures at its end by default."""
ARCHIVES = {
    **{"r": "imagenet-r", "a": "imagenet-a", "o": "imagenet-o", "v2": "imagenet-v2", "sketch": "sketch"},
    **{"dcc3": "ImageNet-3DCC", "cifar10_1": "CIFAR-10.1", "cifar10_2": "CIFAR-10.2", "cinic10": "CINIC-10"},
}
"""The suites whose sets are fetched, and what the folder of each may be called."""


def repeat(runs: Sequence[Run]) -> Section:
    """The commands in the order to give them, the seeds, and the versions of the packages that decide the numbers."""
    lines = _in_order(dict.fromkeys(line for run in runs for line in _commands(run)))
    seeds = [(name, [_text(seed(run)) for run in runs]) for name, seed in SEEDS]
    values = {
        "names": [run.name for run in runs],
        "commands": list(map(printable, lines)),
        "evaluated": any(line.startswith("pixmix evaluate") for line in lines),
        "seeds": [row for row in seeds if set(row[1]) != {"–"}],
        **_versions(runs),
    }
    return Section("repeat", "How to repeat it", "repeat.html", values)


def _in_order(lines: Iterable[str]) -> list[str]:
    """Commands as they can be given: sets before the runs that use them, runs before the sets that show their units."""
    words = {line: shlex.split(line) for line in lines}
    shown = {word.removeprefix("run:") for each in words.values() for word in each if word.startswith("run:")}

    def turn(line: str) -> int:
        match words[line][1]:
            case "make":
                return 3 if any(word.startswith("run:") for word in words[line]) else 0
            case "corrupt":
                return 1
            case "train":
                return 2 if shown.intersection(words[line]) else 4
        return 5

    return sorted(words, key=turn)


def _commands(run: Run) -> Iterable[str]:
    if run.config is not None:
        yield from filter(None, map(make_command, run.config["mixing_set"]))
        yield command(run.config)
    dataset = str(run.metrics.get("dataset", ""))
    stem = dataset.rpartition(":")[2].rstrip("/").rpartition("/")[2] or "images"
    folders = {suite: f"{stem}-{suite}" for suite in MADE}
    for suite, folder in folders.items():
        about = run.entry(suite, "set")
        if about.get("source") == "generated" and dataset:
            yield shlex.join(["pixmix", "corrupt", dataset, folder, "--suite", suite, *_of_set(run, about)])
    own = () if run.config is None else run.config.get("suite", OWN)
    scores = asked_scores(run)
    asked = [
        name
        for name in (*OWN, "autoattack", *MADE, "w", *ARCHIVES, "openood")
        if name in run.metrics and (name not in own or name in scores.suites)
    ]
    real = set(run.entry("anomalies")) - {"gaussian", "rademacher", "blobs", "mean"}
    if real and "anomalies" not in asked:
        asked.append("anomalies")
    if asked:
        benchmark = run.entry("openood", "set").get("benchmark", "BENCHMARK")
        sets = {} if _of_logits(run) else {**folders, **ARCHIVES, "openood": f"data/benchmark_imglist/{benchmark}"}
        named = [word for name in asked if name in sets for word in (f"--{name.replace('_', '-')}", sets[name])]
        outliers = ["--ood", "OOD"] if real and not _of_logits(run) else []
        words = ["pixmix", "evaluate", *_model(run), "--suite", *asked, *named, *outliers]
        words += ["--eval-precision", "bf16"] if precision_of(run.metrics) == "bf16" else []
        words += ["--robustbench"] if run.metrics.get("robustbench") else []
        words += ["--partial"] if _lacks_some(run, asked) else []
        words += scores.words
        words += [
            *(_attack(run) if "adversaries" in asked else ()),
            *(_autoattack(run) if "autoattack" in asked else ()),
        ]
        yield shlex.join([*words, *_seed(run, asked)])


def _lacks_some(run: Run, asked: Sequence[str]) -> bool:
    """Whether something of a set was left out."""
    abouts = [run.entry(name, "set") for name in asked] + [run.entry("anomalies", "mean", "auroc")]
    return any(about.get("problems") for about in abouts)


def _attack(run: Run) -> Iterable[str]:
    """The flags of an attack that is not the default one."""
    used = run.entry("adversaries", "pgd_error_corrected")
    for name, value in vars(PGDSettings()).items():
        if used.get(name, value) == value:
            continue
        if isinstance(value, bool):
            yield f"--attack.no-{name.replace('_', '-')}"
        else:
            yield from (f"--attack.{name.replace('_', '-')}", str(used[name]))


def _autoattack(run: Run) -> Iterable[str]:
    """The flags of AutoAttack's ladders, its version and the number of images, where they are not the default ones."""
    default, suite = AutoAttackSettings(), run.entry("autoattack")
    rungs = [entry for name, entry in suite.items() if name != "clean_error"]
    for norm in ("linf", "l2"):
        radii = tuple(str(entry.get("radius")) for entry in rungs if entry.get("norm") == norm)
        if radii != getattr(default, norm):
            yield from (f"--autoattack.{norm}", *radii)
    for flag, value, other in (
        ("version", rungs[0].get("version") if rungs else None, default.version),
        ("count", suite.get("clean_error", {}).get("n"), default.count),
    ):
        if value not in (None, other):
            yield from (f"--autoattack.{flag}", str(value))


def _seed(run: Run, asked: Sequence[str]) -> Iterable[str]:
    indices = {"adversaries": ("pgd_error_corrected",), "anomalies": ("mean", "auroc"), "autoattack": ("clean_error",)}
    seeds = {run.entry(suite, *path).get("seed", 0) for suite, path in indices.items() if suite in asked} - {0}
    return ("--seed", str(min(seeds))) if seeds else ()


def _of_set(run: Run, about: dict[str, Any]) -> Iterable[str]:
    """The flags with which a generated set was made of the run's test images."""
    config = run.config or run.metrics
    if config.get("size"):
        yield from ("--size", str(config["size"]))
    every = run.entry("clean", "error").get("n", 0)
    if config.get("test_subset") or about.get("images", every) < every:
        yield from ("--test-subset", str(about["images"]))
    if about.get("seed"):
        yield from ("--seed", str(about["seed"]))


def _model(run: Run) -> Iterable[str]:
    """What names the model and its images to `pixmix evaluate`."""
    if run.config is not None:
        yield str(run.folder.path)
        return
    model = str(run.metrics.get("model", "MODEL"))
    yield from ("--logits", model) if _of_logits(run) else (model,)
    yield from ("--checkpoint", "best") if run.metrics.get("checkpoint") == "best" else ()
    for flag, name in (("--dataset", "dataset"), ("--size", "size"), ("--test-subset", "test_subset")):
        if run.metrics.get(name):
            yield from (flag, str(run.metrics[name]))
    yield from ("--out", str(run.folder.path))


def _of_logits(run: Run) -> bool:
    return str(run.metrics.get("model", "")).endswith(".npz")


def make_command(name: str) -> str | None:
    """The `mixset make` command of a set's folder; None where none is there, or its images come from elsewhere."""
    try:
        listed = manifest.read(Path(name))
        if listed is None or listed.recipe.get("family") not in FAMILIES:
            return None
        family = listed.recipe["family"]
        recipe = load(FAMILIES[family].recipe).from_json(listed.recipe, count=listed.count)
    except InputError:
        return None
    made = ["mixset", "make", family, name, "--count", str(listed.count)]
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        if field.name in ("count", "weights", "channels") or value == field.default:
            continue
        flag = field.name.replace("_", "-")
        if isinstance(value, bool):
            made.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            made += [f"--{flag}", *(map(str, value) if isinstance(value, tuple) else [str(value)])]
    return shlex.join(made)


def _of_config(run: Run) -> Any:
    return None if run.config is None else run.config["seed"]


SEEDS: tuple[tuple[str, Callable[[Run], Any]], ...] = (
    ("training", _of_config),
    ("attack", lambda run: run.entry("adversaries", "pgd_error_corrected").get("seed")),
    ("AutoAttack", lambda run: run.entry("autoattack", "clean_error").get("seed")),
    ("outliers", lambda run: run.entry("anomalies", "mean", "auroc").get("seed")),
    *((f"images of {suite}", lambda run, suite=suite: run.entry(suite, "set").get("seed")) for suite in MADE),
)
"""What is drawn, and its seed."""


def _versions(runs: Sequence[Run]) -> dict[str, Any]:
    """What the runs were trained with: in one line where all agree, else by run."""
    trained = [run for run in runs if run.versions]
    if all(run.versions == trained[0].versions for run in trained):
        packages, rows = _listed(trained[0].versions) if trained else "", []
    else:
        names = dict.fromkeys(name for run in trained for name in run.versions)
        packages, rows = "", [(name, [run.versions.get(name, "–") for run in trained]) for name in names]
    here = _listed(versions())
    return {"trained": [run.name for run in trained], "versions": rows, "packages": packages, "here": here}


def _listed(packages: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in packages.items())


def _text(value: Any) -> str:
    return "–" if value is None else str(value)
