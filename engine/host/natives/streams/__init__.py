"""Native plugins as streams: the same samples for any blocks, and no click when a parameter is set."""
