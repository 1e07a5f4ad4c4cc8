"""Smaller networks: kernels taken out, and what becomes of the figures."""
