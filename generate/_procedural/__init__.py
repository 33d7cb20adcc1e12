"""Families that a formula draws whole: dead leaves, spectra, escape times and layered noise."""
