"""The processor time of a call, for the benchmarks that compare two."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The median CPU time of a call, after a warm-up call."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return statistics.median(times)
