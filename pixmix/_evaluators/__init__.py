"""The evaluators: a classifier's safety measures on any labelled image set, and on the benchmarks made of it."""
