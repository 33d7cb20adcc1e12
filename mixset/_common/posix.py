"""`fcntl`, which Linux and macOS have; elsewhere importing this is one line that says so."""

from .platforms import check_platform

check_platform()

import fcntl as fcntl  # noqa: E402
