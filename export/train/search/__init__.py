"""Search over networks and plans."""
