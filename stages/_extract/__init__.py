"""Parts of the stage ``extract``: engines, their sandbox, and the formatting of their text."""
