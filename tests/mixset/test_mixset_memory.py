"""Memory that is kept: fewer page faults for arrays that come and go."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from mixset._common.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def pass_over():
    arrays = [np.ones(2**20) for _ in range(8)]  # 8 MB each
pass_over()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    pass_over()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
def test_freed_arrays_are_used_again() -> None:
    faults = {
        how: int(subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True).stdout)
        for how in ("keep", "return")
    }
    assert faults["keep"] < faults["return"] / 4
