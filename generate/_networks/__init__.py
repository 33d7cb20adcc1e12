"""Networks by name, for makers and programs alike: what builds them, whose weights they get, how files are read."""
