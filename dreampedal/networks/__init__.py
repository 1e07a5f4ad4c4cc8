"""Verbs about networks and their models: what they do with `export`, and what they say of it."""
