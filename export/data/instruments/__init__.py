"""Sampled instruments: soundfonts, patches, and the notes that are made of them."""
