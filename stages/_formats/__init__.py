"""Formats, presets and layouts of the stage ``export``: one file each."""
