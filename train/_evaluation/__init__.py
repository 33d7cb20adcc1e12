"""`pixmix evaluate`."""
