"""Ascents as graphs: steps, and chains of them on moving columns."""
