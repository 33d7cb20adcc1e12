"""Figures of methods, of what a run trains on, and of corruptions."""
