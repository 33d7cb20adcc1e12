"""What every package of this distribution uses: errors, files, caches, locks, workers, the console."""
