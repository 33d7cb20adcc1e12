"""`python -m pixmix.train`: the training program."""

import sys

import pixmix

from ._command.cli import main

if __name__ == "__main__":
    if pixmix.__file__ is None:  # of an editable install, what lies in the working folder comes first
        print(f"error: the folder {next(iter(pixmix.__path__))} hides the package; work elsewhere", file=sys.stderr)
        sys.exit(2)
    main("train")
