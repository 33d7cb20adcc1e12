"""Stands in for the commands of a cell in the tests of the evidence: leaves what they leave, without their work.

The variable MEASURES names the file of what is measured. EVIDENCE says what is to happen in the training of a run:
`fail RUN`, or `stop RUN`, in which the minutes of the caller are over and the process waits for its end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    what, *words = sys.argv[1:]
    if what == "make":
        _make(Path(next(word for word in words if "/" in word)))
    elif what == "train":
        _train(Path(words[words.index("--out") + 1]))
    elif what == "corrupt":
        _write(Path(words[1]) / "corruptions.json", {})
    else:
        _write(Path(words[0]) / "metrics.json", json.loads(Path(os.environ["MEASURES"]).read_text()))


def _make(folder: Path) -> None:
    from mixset._store.importing import import_images

    import_images(Path(os.environ["MEASURES"]).with_name("mixing"), folder, size=32, workers=1, quiet=True)


def _train(run: Path) -> None:
    todo, _, name = os.environ.get("EVIDENCE", "").partition(" ")
    _write(run / "config.json", {})
    if name == run.name and todo == "fail":
        sys.exit("error: this cannot be")
    with open(run / "log.jsonl", "a") as log:
        log.write("{}\n")
    if name == run.name and todo == "stop":
        os.kill(os.getppid(), signal.SIGALRM)
        time.sleep(60)
    _write(run / "metrics.json", {})


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
