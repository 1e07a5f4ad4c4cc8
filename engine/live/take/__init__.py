"""Takes: what was played, kept so that it can be rendered again."""
