"""Runs: their config, folder, records and processes."""
