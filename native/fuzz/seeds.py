"""Puts small hostile pages into the corpus, so that the fuzzer begins with structure.

usage: python native/fuzz/seeds.py FOLDER
"""

from __future__ import annotations

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [ROOT, os.path.dirname(os.path.abspath(__file__))]

from targets import CHOSEN, pages  # noqa: E402

from tools.hostile import CASES  # noqa: E402

SIZES = (60, 600)
FAVOUR, START = b"\0", b"\0"


def main(folder: str) -> None:
    """Write each case in each size, if pages are among the kernels."""
    if pages not in CHOSEN:
        return
    kernel = bytes([CHOSEN.index(pages)])
    for number, case in enumerate(CASES.values()):
        for size in SIZES:
            with open(os.path.join(folder, f"page-{number:03}-{size}"), "wb") as seed:
                seed.write(kernel + FAVOUR + START + case(size))


if __name__ == "__main__":
    main(sys.argv[1])
