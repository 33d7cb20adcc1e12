"""Building blocks shared by the suites of corruptions."""
