"""The readable twin of every kernel: plain Python and NumPy, the executable specification of the native ones."""
