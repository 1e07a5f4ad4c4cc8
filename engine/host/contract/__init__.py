"""What an effect is to a host, and what its parameters are."""
