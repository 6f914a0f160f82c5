"""The command ``refinery``, which ``python -m refinery`` is as well."""

from __future__ import annotations

import sys


def main() -> None:
    """The console script. Loading takes a moment, in which Ctrl-C ends as it does later: with 130, and quietly."""
    try:
        from refinery.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
