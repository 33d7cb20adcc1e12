"""The suite autoattack: robust error under AutoAttack at a ladder of radii, resumed after the last batch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from mixset._common.errors import InputError
from mixset._common.progress import Progress

from .. import measures
from .._common import philox
from .._common.attack import Norm
from .._common.autoattack import radius_of
from .._common.distributed import first, gather, rank_and_world
from . import attack_cost
from .autoattack_library import ATTACKS, FEWEST, PACKAGE, Library, library_version
from .entries import Entry
from .evaluation import Evaluation, Metrics
from .forwarding import network_errors, to_device
from .ladder import Ladder, read_ladder, write_ladder

LOWERED = 0.002
"""A share of images broken by Square alone, above which AutoAttack's authors doubt what the gradients found."""


class Attacker(Protocol):
    """Attacks at one radius; `Library` is AutoAttack's."""

    warnings: list[str]

    def broken(self, attack: str, images: Tensor, labels: Tensor) -> np.ndarray:
        """(n,) bool: which of (n, C, H, W) images the attack finds an adversary of."""


Make = Callable[[Norm, float], Attacker]
"""From a norm and a radius to its attacker."""


class Job(NamedTuple):
    """A ladder of attacks in one norm."""

    norm: Norm
    ladder: Ladder
    images: np.ndarray
    """(n,) int64: where the ladder's images lie in the test set."""
    make: Make
    path: Path | None
    """Where the ladder is kept; None: nowhere."""
    key: str


def autoattack(evaluation: Evaluation) -> Metrics:
    """Error of the clean images that are attacked, and of their adversaries at each radius."""
    settings = evaluation.autoattack
    logits, labels = evaluation.clean()
    if (classes := logits.shape[1]) < FEWEST:
        raise InputError(f"suite autoattack: a network of {FEWEST} classes is needed, it has {classes}")
    images = chosen(len(labels), settings.count, seed=evaluation.seed)
    right = logits[images].argmax(axis=1) == labels[images]
    yield "clean_error", _error(right, {"seed": evaluation.seed})

    def make(norm: Norm, epsilon: float) -> Attacker:
        how: dict[str, Any] = {"norm": norm, "epsilon": epsilon, "which": settings.version, "seed": evaluation.seed}
        return Library(evaluation.network, classes, evaluation.device, **how)

    about = {"version": settings.version, "package": f"{PACKAGE} {library_version()}", "seed": evaluation.seed}
    for norm, radii in settings.ladders.items():
        fresh = Ladder.start(radii, ATTACKS[settings.version], right)
        job = _opened(evaluation, norm, fresh, images, make)
        attack_cost.say_cost(evaluation, job.ladder, norm, settings.version, classes)
        climb(evaluation, job)
        for rung, radius in enumerate(radii):
            yield f"error_{norm}_{radius}", {**_rung(job.ladder, rung, norm), **about}


def chosen(available: int, count: int, *, seed: int) -> np.ndarray:
    """(count,) int64, ascending: the images that are attacked, a draw without replacement; all where `count` says so.

    Test sets may be ordered by class, so the first ones would not do.
    """
    uniforms = philox.uniforms(seed, 0, np.arange(available), philox.ATTACK_CHOICE, 1)[:, 0]
    return np.sort(np.argsort(uniforms, kind="stable")[:count])


def climb(evaluation: Evaluation, job: Job) -> None:
    """Run what is open on a ladder, batch by batch; under `torch.distributed` each process has its own of these."""
    rank, world = rank_and_world()
    size, ladder = evaluation.batch_size, job.ladder
    attacker: Attacker | None = None
    at = -1
    for rung, number in ladder.open():
        if attacker is None or rung != at:
            attacker, at = job.make(job.norm, radius_of(ladder.radii[rung], job.norm)), rung
        attack, rest = ladder.attacks[number], ladder.rest(rung, number)
        what = f"images under {attack} ({job.norm}, {ladder.radii[rung]})"
        done = int(ladder.attacked[rung, number])
        with Progress(done + len(rest), what, initial=done, quiet=evaluation.quiet or rank > 0) as progress:
            for start in range(0, len(rest), size * world):
                share = rest[start + rank * size : start + (rank + 1) * size][:size]
                several = rest[start : start + size * world]
                outcomes = gather(_Attempt(evaluation, job, attacker, attack, share).outcome)
                ladder.note(rung, number, several, np.concatenate([broken for broken, _ in outcomes]))
                new = [line for _, lines in outcomes for line in lines]
                ladder.warnings.extend(line for line in dict.fromkeys(new) if line not in ladder.warnings)
                first(lambda: write_ladder(job.path, job.key, ladder) if job.path is not None else None)
                progress.advance(len(several))


class _Attempt(NamedTuple):
    """An attack on some images: which it broke, and what the library warned of."""

    evaluation: Evaluation
    job: Job
    attacker: Attacker
    attack: str
    share: np.ndarray

    def outcome(self) -> tuple[np.ndarray, list[str]]:
        if not len(self.share):
            return np.zeros(0, bool), []
        batch = self.evaluation.images.take(self.job.images[self.share])
        device = self.evaluation.device
        with network_errors(f"images under {self.attack}"):
            images, labels = to_device(batch.images, device), torch.from_numpy(batch.labels).to(device)
            return self.attacker.broken(self.attack, images, labels), list(self.attacker.warnings)


def _opened(evaluation: Evaluation, norm: Norm, fresh: Ladder, images: np.ndarray, make: Make) -> Job:
    """The ladder as it was left, where it is kept."""
    settings, store = evaluation.autoattack, evaluation.store

    def read() -> tuple[Path | None, str, Ladder]:
        fingerprint = None if store.folder is None else evaluation.images.fingerprint()
        if store.folder is None or fingerprint is None:
            return None, "", fresh
        words = f"autoattack {norm} {settings.version} count {settings.count} batch {evaluation.batch_size}"
        words += f" seed {evaluation.seed} {PACKAGE} {library_version()}"
        key = hashlib.sha256("\n".join([store.network, fingerprint, words]).encode()).hexdigest()
        path = store.folder / f"autoattack-{norm}.npz"
        return path, key, read_ladder(path, key, fresh)

    path, key, ladder = first(read)
    return Job(norm=norm, ladder=ladder, images=images, make=make, path=path, key=key)


def _rung(ladder: Ladder, rung: int, norm: Norm) -> Entry:
    radius, counts = ladder.radii[rung], ladder.counts(rung)
    warnings = list(ladder.warnings)
    if (alone := counts.get("square", 0)) > LOWERED * len(ladder.right):
        warnings.append(
            f"Square, which needs no gradient, broke {alone} images that no gradient did: the network may hide its "
            "gradients, and its error be higher yet"
        )
    about = {"norm": norm, "radius": radius, "epsilon": radius_of(radius, norm), "broken_by": counts}
    return _error(ladder.standing(rung), {**about, **({"warnings": warnings} if warnings else {})})


def _error(right: np.ndarray, about: Entry) -> Entry:
    value, n = float(np.mean(~right)), len(right)
    return {"value": value, "n": n, "interval": list(measures.error_interval(value, n)), **about}
