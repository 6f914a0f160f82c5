"""Parts of the stage ``c4``."""
