"""Processes of a training, beside one another."""
