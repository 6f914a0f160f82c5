"""Write refinery/kernels/reference/word_breaks.txt: the classes of UAX #29 that decide where a word ends.

usage: python -m tools.make_word_breaks

They come from the tables of the package ``regex`` (data of the Unicode Consortium, Unicode License v3). A line is a
class and its characters as ranges of code points; characters without a class are left out.
"""

from __future__ import annotations

import sys
from itertools import groupby

import regex

from refinery.kernels.reference.unicode_words import CLASSES, TABLE


def main() -> None:
    """Write the file."""
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    lines = []
    for name in CLASSES[1:]:
        test = regex.compile(rf"\p{{Word_Break={name}}}" if name != "Extended_Pictographic" else rf"\p{{{name}}}")
        found = [code for code, character in enumerate(every) if test.match(character)]
        runs = [list(run) for _, run in groupby(enumerate(found), lambda pair: pair[1] - pair[0])]
        lines.append(" ".join([name, *(_range(run[0][1], run[-1][1]) for run in runs)]))
    TABLE.write_text("\n".join(lines) + "\n", encoding="ascii")


def _range(first: int, last: int) -> str:
    return f"{first:X}" if first == last else f"{first:X}-{last:X}"


if __name__ == "__main__":
    main()
