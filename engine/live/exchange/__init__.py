"""Where the audio callback meets the worker."""
