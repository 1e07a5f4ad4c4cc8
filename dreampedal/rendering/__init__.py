"""Recordings through boards, from file to file."""
