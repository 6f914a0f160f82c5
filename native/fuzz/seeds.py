"""Adds small hostile pages and small models to the corpus, so that the fuzzer begins with structure.

usage: python native/fuzz/seeds.py FOLDER
"""

from __future__ import annotations

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [ROOT, os.path.dirname(os.path.abspath(__file__))]

from targets import CHOSEN, MARKUP, ROW, markup, models, pages  # noqa: E402

from tests.kernels.fasttext_models import ONE_VS_ALL, TREE, Toy  # noqa: E402
from tools.hostile import CASES  # noqa: E402

SIZES = (60, 600)
HEAD = b"\0\0"
"""The favour, and whether there are blank lines."""
START = b"\0"
"""Of the slice of rows."""


TOYS = (
    Toy(dimensions=3, buckets=9),
    Toy(dimensions=1, loss=TREE, buckets=9, word_ngrams=3, longest=0),
    Toy(dimensions=2, loss=ONE_VS_ALL, buckets=9, version=11),
    Toy(dimensions=2, width=2, buckets=9, norms=True),
    Toy(dimensions=3, width=2, buckets=9, coded_output=True, pruned={3: 0, 7: 1}),
)


def main(folder: str) -> None:
    """Write each case in each size, for each of the kernels that read pages and are among those to run."""
    for kernel, start, written in ((pages, START, bytes), (markup, b"", tokens)):
        if kernel not in CHOSEN:
            continue
        first = bytes([CHOSEN.index(kernel)]) + HEAD + start
        for number, case in enumerate(CASES.values()):
            for size in SIZES:
                with open(os.path.join(folder, f"{kernel.__name__}-{number:03}-{size}"), "wb") as seed:
                    seed.write(first + written(case(size)))

    if models in CHOSEN:
        for number, toy in enumerate(TOYS):
            with open(os.path.join(folder, f"models-{number}"), "wb") as seed:
                seed.write(bytes([CHOSEN.index(models)]) + bytes(toy))


def tokens(page: bytes) -> bytes:
    """A page as ``markup`` spells it, the longest piece first; what is neither a piece nor ASCII is left out."""
    made, at = bytearray(), 0
    pieces = sorted(range(len(MARKUP)), key=lambda piece: -len(MARKUP[piece]))
    while at < len(page):
        piece = next((piece for piece in pieces if page.startswith(MARKUP[piece], at)), None)
        if piece is not None:
            made.append(0x80 + (piece - 0x80) % len(MARKUP))
            at += len(MARKUP[piece])
        else:
            made += page[at : at + 1] if page[at] < 0x80 else b""
            at += 1
    assert ROW not in made
    return bytes(made)


if __name__ == "__main__":
    main(sys.argv[1])
