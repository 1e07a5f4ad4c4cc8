"""How an offset is played: one file a latency mode."""
