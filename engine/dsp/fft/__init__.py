"""A real FFT for numba kernels, in vectors of eight, or in plain loops."""
