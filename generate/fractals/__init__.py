"""Fractals of iterated function systems: Numba kernels, and the pictures composed of what they draw."""
