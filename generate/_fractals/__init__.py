"""Fractals of iterated function systems: Numba kernels, and the images composed of what they draw."""
