"""`python -m mixset.generate` is the `mixset` command."""

from ._command.cli import main

if __name__ == "__main__":
    main()
