"""Make the dictionaries of the word segmenter from packages with permissive licences.

usage: python -m tools.make_segmenter --icu FOLDER --texts FOLDER [--only NAME …]

--icu    where ``cargo vendor`` put the crate ``icu_segmenter_data`` 2.4.0
--texts  Debian packages, unpacked by ``dpkg-deb -x``, in whose Japanese texts words are counted: aptitude-doc-ja,
         debian-edu-doc-ja, debian-handbook, debian-policy-ja, gimp-help-ja, kicad-doc-ja, lilypond-doc-html-ja,
         manpages-ja, manpages-ja-dev

Other sources are Python packages: the dependency group ``segmenter``. ``refinery/kernels/words/NOTICE.txt`` names all
sources with their licences. A dictionary is a compressed text in order of code points, a line a word: the word, a tab,
its cost; or a letter, a tab, the letter that it is read as.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.segmenter import chinese, icu, japanese, thai
from tools.segmenter.costs import Costs, by_length

FOLDER = Path(__file__).resolve().parents[1] / "refinery" / "kernels" / "words"
Made = tuple[Costs, Mapping[str, str]]


def main() -> None:
    """Write the dictionaries, and print how many words each has."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--icu", required=True, metavar="FOLDER")
    parser.add_argument("--texts", required=True, metavar="FOLDER")
    parser.add_argument("--only", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    lists = icu.word_lists(arguments.icu)
    makers: dict[str, Callable[[], Made]] = {
        "burmese": lambda: (by_length(lists["burmese"]), {}),
        "chinese": chinese.dictionary,
        "japanese": lambda: (japanese.dictionary(arguments.texts), {}),
        "khmer": lambda: (by_length(lists["khmer"]), {}),
        "lao": lambda: (by_length(lists["lao"]), {}),
        "thai": lambda: (thai.dictionary(lists["thai"]), {}),
    }
    for name in arguments.only or makers:
        costs, readings = makers[name]()
        size = write(FOLDER / f"{name}.txt.gz", costs, readings)
        print(f"{name}: {len(costs):,} words, {len(readings):,} readings, {size:,} bytes")


def write(path: Path, costs: Mapping[str, int], readings: Mapping[str, str]) -> int:
    """Write a dictionary, and return the size of its file."""
    lines = sorted(f"{key}\t{value}\n" for key, value in {**readings, **costs}.items())
    path.write_bytes(gzip.compress("".join(lines).encode(), 9, mtime=0))
    return path.stat().st_size


if __name__ == "__main__":
    main()
