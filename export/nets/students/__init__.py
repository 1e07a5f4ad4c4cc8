"""Networks that are distilled: what many listeners found, in one pass."""
