"""Data sets by name, and mixing sets as users name them."""
