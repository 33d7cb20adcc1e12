"""Utilities shared by every package of this distribution: errors, files, caches, locks, workers and the console."""
