"""Run mypy over the packages as they are imported: python checks/types.py

`generate/` and `train/` are imported as `mixset.generate` and `pixmix.train`, so the four folders are laid out like
that in mypy's cache, where they keep their times: a second run looks at what has changed alone.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"mixset": "mixset", "generate": "mixset/generate", "pixmix": "pixmix", "train": "pixmix/train"}


def main() -> int:
    """Lay out, check; mypy's exit status."""
    site = ROOT / ".mypy_cache" / "site"
    shutil.rmtree(site, ignore_errors=True)
    for folder, package in FOLDERS.items():
        shutil.copytree(ROOT / folder, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]
    return subprocess.call([sys.executable, "-m", "mypy", *options, "-p", "mixset", "-p", "pixmix"], cwd=site)


if __name__ == "__main__":
    sys.exit(main())
