"""Effects with a model under way: what their streams share, and a file for each kind of model."""
