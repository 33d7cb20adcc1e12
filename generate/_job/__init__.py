"""From a recipe to shards: the families, the job that makes them, and what it runs on."""
