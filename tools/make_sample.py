"""Writes the sample WARC files: ``python tools/make_sample.py --out FOLDER``. The work is done in ``refinery.demo``."""

from __future__ import annotations

import argparse
import json

from refinery.demo import sample


def main() -> None:
    """Read the options, write the files, print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, help="folder to write to")
    parser.add_argument("--pages", type=int, default=400, help="number of pages (default %(default)s)")
    parser.add_argument("--files", type=int, default=4, help="number of WARC files (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other pages (default %(default)s)")
    options = parser.parse_args()
    manifest = sample(options.out, options.pages, options.files, options.seed)
    print(json.dumps({"files": manifest["files"], "planted": manifest["planted"]}))


if __name__ == "__main__":
    main()
