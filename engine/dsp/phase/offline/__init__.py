"""Phase for a whole spectrogram at once."""
