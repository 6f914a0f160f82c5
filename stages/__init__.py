"""The steps from WARC to training text: each file complete, importing only the engine's public names and kernels."""

if __name__ != "refinery.stages":
    raise ImportError(f"import refinery.stages, not {__name__}: this folder is that package, and was never another")
