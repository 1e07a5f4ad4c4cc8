"""Audio devices: found, opened, timed, and found again when they went."""
