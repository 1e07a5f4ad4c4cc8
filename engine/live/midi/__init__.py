"""MIDI: from bytes to parameters."""
