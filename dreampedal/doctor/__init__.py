"""What this machine is, and how long blocks take on it."""
