"""``python -m refinery`` is the command ``refinery``."""

from refinery.cli import main

if __name__ == "__main__":
    main()
