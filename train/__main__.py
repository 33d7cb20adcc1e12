"""`python -m pixmix.train`: the training program."""

import os
import sys

import pixmix
from mixset._common.children import end_with_parent

from ._command.cli import main

if __name__ == "__main__":
    if pixmix.__file__ is None:  # of an editable install, what lies in the working folder comes first
        print(f"error: the folder {next(iter(pixmix.__path__))} hides the package; work elsewhere", file=sys.stderr)
        sys.exit(2)
    if "TORCHELASTIC_RUN_ID" in os.environ:
        end_with_parent(main=True)  # before torch is imported, which takes seconds, in which torchrun may be killed
    main("train")
