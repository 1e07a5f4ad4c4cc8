"""Training and search: from batches to weights that are measured and kept."""
