"""Personal data in texts: what candidates are, and what stands in their place. The kernel finds the candidates."""
