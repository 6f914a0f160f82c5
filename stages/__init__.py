"""The steps from WARC to training text: each file complete, importing only the engine's public names and kernels."""
