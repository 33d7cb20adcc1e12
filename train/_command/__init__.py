"""The `pixmix` command."""
