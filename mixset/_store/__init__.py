"""The store: shards, mixing sets and pools; import, export, check, contact sheets."""
