"""What a model file says of itself, and what goes into its graph and comes out."""
