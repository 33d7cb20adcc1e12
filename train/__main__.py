"""`python -m pixmix.train`: the training program."""

from .cli import main

if __name__ == "__main__":
    main("train")
