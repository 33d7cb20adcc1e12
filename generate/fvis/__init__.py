"""Feature visualisations (FVis): pictures that drive units of a network, by the thousand."""
