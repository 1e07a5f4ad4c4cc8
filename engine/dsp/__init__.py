"""Signal processing: frames, windows, bands, rates, delays and the ceiling."""
