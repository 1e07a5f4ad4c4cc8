"""Figures: how well a network names what it hears."""
