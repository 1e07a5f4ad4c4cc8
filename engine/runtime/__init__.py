"""What everything else runs on: compiled kernels, files that appear whole, one call at a time, quiet libraries."""
