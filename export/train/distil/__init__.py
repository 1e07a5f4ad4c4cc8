"""Distillation: dreams of many listeners, learned by one small network that needs a single pass a hop."""
