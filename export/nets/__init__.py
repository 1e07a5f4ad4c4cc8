"""The networks that can be trained here, by name."""
