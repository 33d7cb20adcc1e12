"""What the parts of pixmix share: random numbers, threads, processes, forms of an image."""
