"""What happens to one frame: features, gains, fill, guard, and what is remembered."""
