"""A program for the tests of the runner: it does what its arguments say, and leaves its result."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path


def main() -> None:
    what, result, *rest = sys.argv[1:]
    print(f"working on {what} {rest}", flush=True)
    if what == "fail":
        sys.exit("error: this cannot be")
    if what == "wait":
        Path(f"{result}.begun").write_text(str(os.getpid()))
        while not Path(f"{result}.go").exists():
            time.sleep(0.02)
    with open(result, "a") as file:
        file.write(f"{' '.join(rest)}\n")
