"""The `mixset` command."""
