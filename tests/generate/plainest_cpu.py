"""Programs on a CPU that has nothing but what every one of its kind has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PLAINEST = {
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX2 FMA3",
}


def printed_on_the_plainest_cpu(code: str, argument: Any, cache: Path) -> list[str]:
    """The words that Python code prints, with JSON as its argument and its kernels compiled anew, into `cache`."""
    command = [sys.executable, "-c", code, json.dumps(argument)]
    environment = {**os.environ, **PLAINEST, "NUMBA_CACHE_DIR": str(cache)}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.split()
