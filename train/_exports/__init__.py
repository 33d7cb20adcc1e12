"""`pixmix export`: runs in the forms that boards ask for."""
