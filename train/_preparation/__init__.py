"""`pixmix prepare`: from archives as they are downloaded to the folders that training and measures read."""
