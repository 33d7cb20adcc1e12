"""Flips and top-5 distances compared with a plain implementation; measures and scores beside libraries; intervals.

    python benchmarks/measures.py [--repeats 1] [--sequences 10000]

Sequences have 31 frames and 1,000 classes. The plain implementation follows the evaluation code of ImageNet-P: ranks of
all classes by SciPy, then one comparison after another. It processes a few hundred sequences, and seconds are scaled to
all. Ours gets logits in blocks, as from a network, and does not keep them. Medians of CPU time on one thread.

Measures of logits are of 50,000 images and 1,000 classes, beside scikit-learn, torchmetrics and pytorch-ood where these
are installed. Nearest neighbours are those of 10,000 images among 50,000 with 512 features, in seconds of the clock on
two threads.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import tracemalloc
from collections.abc import Callable

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from processor_time import seconds
from scipy.stats import rankdata

from pixmix import measures, scores

FRAMES, CLASSES = 31, 1000
BLOCK = 32
"""The number of sequences ranked at a time: a batch of 992 images."""


def drifting(count: int) -> np.ndarray:
    """Logits that change slightly from frame to frame, (count, frames, classes) float32."""
    rng = np.random.default_rng(0)
    steps = rng.standard_normal((count, FRAMES, CLASSES), np.float32)
    steps[:, 0] *= 8
    return np.cumsum(steps, axis=1, dtype=np.float32)


def plain(logits: np.ndarray, *, noise: bool) -> tuple[float, float]:
    """FP and T5D computed frame by frame, from the ranks of all classes."""
    flips, distances = [], []
    counted = np.minimum(np.arange(CLASSES), 5)
    for sequence in logits:
        ranks = rankdata(-sequence, method="ordinal", axis=1).astype(np.int64)
        reference, inverse = ranks[0], np.argsort(ranks[0])
        for frame in ranks[1:]:
            sigma = frame[inverse]
            flips.append(np.argmin(reference) != np.argmin(frame))
            distances.append(np.abs(counted[:5] - counted[sigma - 1][:5]).sum())
            if not noise:
                reference, inverse = frame, np.argsort(frame)
    return float(np.mean(flips)), float(np.mean(distances))


def ours(block: np.ndarray, sequences: int, *, noise: bool) -> tuple[float, float]:
    """FP and T5D of `sequences` sequences, ranked block by block (the same block of logits repeatedly)."""
    top = np.concatenate([measures.top_classes(block[: sequences - start]) for start in range(0, sequences, BLOCK)])
    return measures.flip_probability(top, noise=noise), measures.t5d(top, noise=noise)


def sequences(count: int, repeats: int) -> None:
    """Print the time of both implementations, their results, and the memory that ours takes."""
    few = min(count, 128)
    logits = drifting(few)
    print(f"{count:,} sequences, {FRAMES} frames, {CLASSES:,} classes    plain s    ours s   x plain      FP     T5D")
    for noise in (False, True):
        slow = seconds(lambda noise=noise: plain(logits, noise=noise), 1) * count / few
        fast = seconds(lambda noise=noise: ours(logits[:BLOCK], count, noise=noise), repeats)
        top = np.concatenate([measures.top_classes(logits[start : start + BLOCK]) for start in range(0, few, BLOCK)])
        results = measures.flip_probability(top, noise=noise), measures.t5d(top, noise=noise)
        np.testing.assert_allclose(results, plain(logits, noise=noise))
        kind = "first frame" if noise else "frame before"
        row = f"{slow:10.1f} {fast:9.2f} {slow / fast:9.0f}  {results[0]:6.3f} {results[1]:7.3f}"
        print(f"  compared with the {kind:22} {row}")
    tracemalloc.start()
    ours(logits[:BLOCK], count, noise=False)
    print(f"  memory beside a block's logits: {tracemalloc.get_traced_memory()[1] / 1e6:.0f} MB")
    tracemalloc.stop()


def intervals(repeats: int) -> None:
    """Print the time of 95 % confidence intervals from 1,000 resamples."""
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.2, 1, 50_000)
    answers = measures.Answers(confidence, rng.random(50_000) < confidence)
    known, sets = rng.normal(size=50_000), {str(number): rng.normal(1, 1, 10_000) for number in range(6)}
    statistic = measures.rms_of(answers, last_bin=True)
    corruptions = measures.average([statistic] * 75)
    work = {
        "RMS of 50,000 images": lambda: measures.bootstrap(statistic, 50_000, seed=0),
        "mean RMS of 75 sets of 50,000": lambda: measures.bootstrap(corruptions, 50_000, seed=0),
        "AUROC, AUPR, FPR95 of 6 sets": lambda: measures.detection_intervals(known, sets, seed=0),
    }
    print("\n95 % intervals, 1,000 resamples              s")
    for name, call in work.items():
        print(f"  {name:36} {seconds(call, repeats):8.2f}")


def _shown(value: object) -> str:
    return f"{value:10.6f}" if isinstance(value, float) else " " * 10


def beside(name: str, ours: Callable[[], object], library: Callable[[], object] | None, repeats: int) -> float:
    """Print the time and, where it is a number, the result of ours and of a library; the time of ours."""
    taken = seconds(ours, repeats)
    value = ours()
    row = f"{taken:8.2f} {_shown(value)}"
    if library is not None:
        try:
            other = library()
        except ImportError as missing:
            row += f"    ({missing.name} is not installed)"
        else:
            row += f" {seconds(library, 1):8.2f} {_shown(other)}"
    print(f"  {name:36} {row}")
    return taken


def of_logits(repeats: int, images: int = 50_000) -> None:
    """Print the time of all that comes from logits, and of the libraries that have the same."""
    rng = np.random.default_rng(0)
    logits = 3 * rng.standard_normal((images, CLASSES), np.float32)
    labels = rng.integers(0, CLASSES, images)
    logits[np.arange(images), labels] += 8
    answered = measures.answers(logits, labels)
    outputs = scores.Outputs(logits=logits)
    templates = scores.klm_templates(logits)

    def torch_ece() -> float:
        import torch
        from torchmetrics.classification import MulticlassCalibrationError

        metric = MulticlassCalibrationError(CLASSES, n_bins=15)
        return float(metric(torch.from_numpy(measures.softmax(logits)), torch.from_numpy(labels)))

    def sklearn_nll() -> float:
        from sklearn.metrics import log_loss

        return float(log_loss(labels, measures.softmax(logits), labels=range(CLASSES)))

    def sklearn_brier() -> float:
        from sklearn.metrics import brier_score_loss

        p = measures.softmax(logits)
        return float(brier_score_loss(labels, p, labels=range(CLASSES), scale_by_half=False))

    def ood_gen() -> object:
        import torch
        from pytorch_ood.detector import GEN

        return GEN(None, gamma=0.1, M=100).predict_logits(torch.from_numpy(logits))

    def ood_klm() -> object:
        import torch
        from pytorch_ood.detector import KLMatching

        given = torch.from_numpy(logits)
        return KLMatching(None).fit_logits(given, torch.from_numpy(labels)).predict_logits(given)

    own = measures.proper_scores(logits, labels)
    rows: list[tuple[str, Callable[[], object], Callable[[], object] | None]] = [
        ("error, confidence", lambda: measures.answers(logits, labels), None),
        ("NLL", lambda: measures.nll(logits, labels), sklearn_nll),
        ("Brier", lambda: measures.brier(logits, labels), sklearn_brier),
        ("ECE", lambda: measures.ece(answered), torch_ece),
        ("adaptive ECE", lambda: measures.adaptive_ece(answered), None),
        ("class-wise ECE", lambda: measures.classwise_ece(logits, labels), None),
        ("smooth ECE", lambda: measures.smooth_ece(answered), None),
        ("temperature", lambda: measures.fit_temperature(logits, labels), None),
        ("AURC", lambda: measures.aurc(answered), None),
        ("AUGRC", lambda: measures.augrc(answered), None),
        ("coverage at 5 % risk", lambda: measures.coverage_at_risk(answered), None),
        ("interval of NLL and Brier", lambda: measures.bootstrap(measures.mean_of(own), images, seed=0), None),
        ("interval of RMS", lambda: measures.bootstrap(measures.rms_of(answered, last_bin=True), images, seed=0), None),
        ("intervals of selection", lambda: measures.bootstrap(measures.selection_of(answered), images, seed=0), None),
        ("score msp", lambda: scores.msp(logits), None),
        ("score max_logit", lambda: scores.max_logit(logits), None),
        ("score energy", lambda: scores.energy(logits), None),
        ("score gen", lambda: scores.make_score("gen")(outputs), ood_gen),
        ("score klm", lambda: scores.klm(logits, templates), ood_klm),
    ]
    print(f"\n{images:,} images, {CLASSES:,} classes              ours s      value  library s      value")
    total = sum(beside(*row, repeats) for row in rows)
    print(f"  {'all together':36} {total:8.2f}")


def neighbours() -> None:
    """Print the time and the memory of nearest neighbours, on two threads."""
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(0)
    bank, queries = rng.random((50_000, 512), np.float32), rng.random((10_000, 512), np.float32)
    with threadpool_limits(2):
        start = time.perf_counter()
        scores.knn(queries, bank, k=50)
        taken = time.perf_counter() - start
    tracemalloc.start()
    scores.knn(queries[:1024], bank, k=50)
    memory = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    about = "knn, 10,000 images among 50,000 with 512 features, two threads"
    print(f"\n{about}: {taken:.1f} s, {memory:.0f} MB beside the features")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--sequences", type=int, default=10_000)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, one thread, NumPy {np.__version__}\n")
    sequences(arguments.sequences, arguments.repeats)
    intervals(arguments.repeats)
    of_logits(arguments.repeats)
    neighbours()


if __name__ == "__main__":
    main()
