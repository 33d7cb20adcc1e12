"""The programs: train, evaluate, ablate, report, corrupt, show; each a function, too."""
