"""Count the letters beyond ASCII of each language, by which ``refinery.kernels.reference.letters`` detects charsets.

``python -m tools.make_letters FOLDER`` reads ``docs.jsonl.gz`` of the folder: a line a page with lang, kind and text.
Only languages that once had a charset of single bytes are of use.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from tools.bench.charsets import CEDILLAS, vietnamese

TARGET = Path(__file__).resolve().parent.parent / "refinery" / "kernels" / "reference" / "letters.txt"
LANGUAGES = (
    *("af", "ar", "az", "be", "bg", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "ga"),
    *("gl", "he", "hr", "hu", "is", "it", "kk", "lb", "lt", "lv", "mk", "mt", "nb", "nl", "nn", "pl", "pt", "ro", "ru"),
    *("sk", "sl", "sq", "sr", "sv", "th", "tr", "uk", "ur", "vi"),
)
PER = 100_000
RARE = 5
"""Least count of a letter of the language."""
HEAD = "# A language a line: of 100,000 letters, how many are each beyond ASCII. tools/make_letters.py writes it."


def counted(lines: Iterator[dict[str, str]]) -> dict[str, dict[str, int]]:
    """Return for each language how many of 100,000 letters each letter beyond ASCII is, the frequent ones first."""
    letters: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        lang, text = line["lang"], unicodedata.normalize("NFC", line["text"]).lower()
        name = "sr_latin" if lang == "sr" and line["script"] == "Latn" else lang
        if lang in LANGUAGES and line["kind"] == "clean":
            letters[name].update(c for c in (vietnamese(text) if lang == "vi" else text) if is_letter(c))
    shares = {}
    for name, found in sorted(letters.items()):
        whole = found.total()
        scaled = {c: round(n * PER / whole) for c, n in found.most_common() if not c.isascii()}
        shares[name] = {c: n for c, n in scaled.items() if n >= RARE}
        shares[name] |= {c.translate(CEDILLAS): n for c, n in shares[name].items()}
    return shares


def is_letter(character: str) -> bool:
    """Return True for letters and the marks on them."""
    return character.isalpha() or unicodedata.category(character) == "Mn"


def main() -> int:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    with gzip.open(parser.parse_args().folder / "docs.jsonl.gz", "rt", encoding="utf-8") as lines:
        shares = counted(map(json.loads, lines))
    rows = (" ".join([name, *(f"{c} {n}" for c, n in found.items())]) for name, found in shares.items())
    TARGET.write_text("\n".join([HEAD, *rows, ""]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
