"""The terminal of a live session."""
