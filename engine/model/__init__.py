"""Models: one safe file each, read, proved, and run."""
