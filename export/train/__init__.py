"""Training: from a folder of sounds to a model file."""
