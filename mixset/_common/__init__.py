"""What every package of this distribution uses: errors, files, caches, locks, workers, the console."""

from .platforms import check_platform

check_platform()
