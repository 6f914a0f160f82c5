"""What the stage ``extract`` is made of: engines, the sandbox they run in, and the formatting of their text."""
