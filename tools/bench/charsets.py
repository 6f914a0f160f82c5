"""Share of pages whose bytes are decoded correctly, by language: in legacy encodings, declared, not, or wrongly.

``python tools/bench/charsets.py FOLDER`` reads ``docs.jsonl.gz`` of the folder (a line a page: lang, kind, text), puts
each clean text into a plain page, writes it in each encoding that the Web used for its language, and decodes that. A
page is correct if all of its text is.

Conditions: ``header`` and ``meta`` declare the encoding truly; ``none`` declares nothing; ``utf-8`` and ``latin-1``
declare these in the header, wrongly; ``short`` declares nothing and has only the beginning of the text.
"""

from __future__ import annotations

import argparse
import gzip
import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from refinery.kernels import decoded

WEST = ("cp1252", "iso8859-15")
CENTRAL = ("cp1250", "iso8859-2")
CYRILLIC = ("cp1251", "koi8-r", "iso8859-5", "cp866")
BALTIC = ("cp1257", "iso8859-13")
ENCODINGS = {
    **dict.fromkeys(("en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "nb", "nn", "fi", "is", "ca", "gl"), WEST),
    **dict.fromkeys(("eu", "af", "id", "ms", "sw", "ga", "lb"), WEST),
    **dict.fromkeys(("pl", "cs", "hu", "sk", "sl", "hr", "bs"), CENTRAL),
    "sq": ("cp1252", "cp1250"),
    "ro": CENTRAL,
    **dict.fromkeys(("ru", "bg", "mk", "be"), CYRILLIC),
    "uk": ("cp1251", "koi8-u", "iso8859-5"),
    "sr": ("cp1251", "cp1250", "iso8859-2", "iso8859-5"),
    **dict.fromkeys(("lt", "lv", "et"), BALTIC),
    "tr": ("cp1254", "iso8859-9"),
    "az": ("cp1254",),
    "el": ("cp1253", "iso8859-7"),
    "ar": ("cp1256", "iso8859-6"),
    "fa": ("cp1256",),
    "ur": ("cp1256",),
    "he": ("cp1255", "iso8859-8"),
    "th": ("cp874", "tis-620"),
    "vi": ("cp1258",),
    "kk": ("kz1048",),
    "zh": ("gb18030", "big5"),
    "ja": ("shift_jis", "euc_jp", "iso2022_jp"),
    "ko": ("euc_kr",),
}
"""Encodings by language. UTF-16 is measured for all."""

WIDE = "utf-16-le"
NAMES = {"cp125": "windows-125", "iso8859-": "iso-8859-", "cp874": "windows-874", "kz1048": "kz-1048"}
TONES = "\u0300\u0301\u0303\u0309\u0323"
CEDILLAS = str.maketrans("șțȘȚ", "şţŞŢ")
"""Romanian letters, and those that charsets without them had in their place."""

CONDITIONS = ("header", "meta", "none", "utf-8", "latin-1", "short")
ENCODABLE = 0.995
SHORT = 200
FEWEST = 3


def page(text: str, label: str = "") -> str:
    """Return a plain page with the text, whose head declares a charset where one is given."""
    meta = f'<meta charset="{label}">' if label else ""
    paragraphs = "".join(f"<p>{line}</p>\n" for line in text.split("\n") if line.strip())
    title = text[:40].strip()
    return f"<!DOCTYPE html>\n<html><head>{meta}<title>{title}</title></head>\n<body>\n{paragraphs}</body></html>"


def encodable(text: str, encoding: str) -> str:
    """Return the text without the few characters that the encoding lacks, "" if they are more than a few."""
    whole = unicodedata.normalize("NFC", text)
    if encoding == "cp1258":
        whole = vietnamese(whole)
    elif encoding in CENTRAL:
        whole = whole.translate(CEDILLAS)
    left = whole.encode(encoding, "ignore").decode(encoding)
    return left if len(left) >= ENCODABLE * len(whole) and not left.isascii() else ""


def vietnamese(text: str) -> str:
    """Return the text with the tones as combining marks, as windows-1258 has them."""
    return "".join(map(_toned, unicodedata.normalize("NFC", text)))


def _toned(character: str) -> str:
    parts = unicodedata.normalize("NFD", character)
    letter = "".join(part for part in parts if part not in TONES)
    return unicodedata.normalize("NFC", letter) + "".join(part for part in parts if part in TONES)


def is_right(text: str, encoding: str, condition: str) -> bool:
    """Return True if a page with the text in the encoding is decoded as it was."""
    names = (label + encoding.removeprefix(codec) for codec, label in NAMES.items() if encoding.startswith(codec))
    name = next(names, encoding.replace("_", "-"))
    made = page(text[:SHORT] if condition == "short" else text, name if condition == "meta" else "")
    header = {"header": name, "utf-8": "utf-8", "latin-1": "iso-8859-1"}.get(condition, "")
    return decoded(made.encode(encoding), header).utf8.decode() == made


def texts_by_language(folder: Path, most: int) -> dict[str, list[str]]:
    """Return up to ``most`` clean texts of each language."""
    found: dict[str, list[str]] = defaultdict(list)
    with gzip.open(folder / "docs.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if line["kind"] == "clean":
                found[line["lang"]].append(line["text"])
    return {lang: list(islice(texts[:: max(1, len(texts) // most)], most)) for lang, texts in sorted(found.items())}


def rows(texts: dict[str, list[str]]) -> Iterator[tuple[str, str, int, dict[str, float]]]:
    """Yield language, encoding, pages, and the share that is right under each condition."""
    for lang, some in texts.items():
        for encoding in (*ENCODINGS.get(lang, ()), WIDE):
            given = [left for text in some if (left := encodable(text, encoding))]
            if len(given) >= FEWEST:
                shares = {c: sum(is_right(text, encoding, c) for text in given) / len(given) for c in CONDITIONS}
                yield lang, encoding, len(given), shares


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--most", type=int, default=30, help="texts of each language")
    given = parser.parse_args()
    print(f"{'':4}{'':12}{'pages':>6}" + "".join(f"{name:>9}" for name in CONDITIONS))
    sums: dict[bool, list[dict[str, float]]] = {True: [], False: []}
    for lang, encoding, pages, shares in rows(texts_by_language(given.folder, given.most)):
        sums[encoding == WIDE].append(shares)
        if encoding != WIDE or min(shares.values()) < 1:
            print(f"{lang:4}{encoding:12}{pages:6}" + "".join(f"{shares[name]:9.2f}" for name in CONDITIONS))
    for wide, found in sums.items():
        means = [sum(shares[name] for shares in found) / max(1, len(found)) for name in CONDITIONS]
        print(f"{'mean, ' + (WIDE if wide else 'legacy'):22}" + "".join(f"{mean:9.3f}" for mean in means))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
