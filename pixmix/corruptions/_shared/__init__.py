"""What corruptions of several suites are built from."""
