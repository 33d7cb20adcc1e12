"""The job that writes whole suites in the official layouts."""
