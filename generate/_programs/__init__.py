"""Random programs: a program of its own for each image, drawn from the seed and run a row at a time."""
