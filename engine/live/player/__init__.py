"""Boards that play, change and take turns while they play."""
