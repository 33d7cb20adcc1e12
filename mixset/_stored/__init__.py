"""Stored training sets: labelled image files kept in shards as their own bytes, or smaller."""
