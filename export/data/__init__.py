"""Sets of recordings with labels: from a folder of folders to batches of what a network hears."""
