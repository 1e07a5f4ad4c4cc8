"""Effects on frames: the stream, and the network that steers it."""
