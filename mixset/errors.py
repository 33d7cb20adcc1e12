"""What a user can put right: one line that says what is wrong, where, and what to do about it."""


class InputError(ValueError):
    """Bad input: the commands print its message as one line and end with exit code 2."""


class DamagedPicture(InputError):
    """A picture or shard whose bytes are not the ones that were written; the message names shard and index."""
