"""What a trained network is worth, and what it has learned: figures, pictures, pruning."""
