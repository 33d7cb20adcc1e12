"""Writing whole suites of corruptions in the official layouts."""
