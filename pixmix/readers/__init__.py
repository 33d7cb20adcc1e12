"""Readers of the picture sets that users already have, in their official layouts."""
