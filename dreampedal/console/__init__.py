"""What the command line says, and how: lines, JSON, bars, and what Ctrl-C leaves."""
