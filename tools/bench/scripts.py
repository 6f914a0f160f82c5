"""Extraction of the same pages in other scripts: English pages whose texts are replaced by texts of other languages.

``python tools/bench/scripts.py FOLDER de zh th`` reads the folder's WARC files and ``docs.jsonl.gz`` (a line a page:
url, lang, kind, web, text). Each text of a true English page becomes as long a text of the other language, with its
sentence end, so that only the script and the words differ. A figure much below that of ``en`` means that features or
lexicons of the extractor depend on them. F1, precision and recall are of the characters of texts in the main text.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import lxml.html
import pyarrow as pa

from refinery.kernels import decoded, main_texts
from tools.bench.gold import responses
from tools.bench.phrases import letters

LENGTHS = {
    "zh": 0.3,
    "ja": 0.4,
    "ko": 0.5,
    "am": 0.65,
    "he": 0.8,
    "ar": 0.85,
    "th": 0.9,
    "lo": 0.9,
    "my": 1.1,
    "km": 1.1,
}
"""Characters of a text for each one of its English counterpart."""

ENDS = {
    **dict.fromkeys(("zh", "ja"), "。"),
    "hi": "।",
    "bn": "।",
    "ur": "۔",
    "am": "።",
    "km": "។",
    "my": "။",
    "bo": "།",
}
ENDLESS = ("th", "lo")
SPACELESS = ("zh", "ja", "th", "lo", "my", "km", "bo")
MARKS = ".!?。！？।؟۔።။།, ，、"
RAW = ("script", "style", "noscript", "template")
SHORTEST = 6
_IGNORED = re.compile(r"[\s\u200b-\u200f\u00ad\u2028-\u202e\ufeff]+")


class Text(NamedTuple):
    """A text that was put into a page; ``wanted`` if the one that it replaces is in the gold text."""

    text: str
    wanted: bool


class Supply:
    """Text of a language, piece by piece."""

    def __init__(self, lang: str, texts: Sequence[str]) -> None:
        self.lang, self.at, self.text = lang, 0, " ".join(" ".join(texts).split())

    def piece(self, english: str) -> str:
        """Return the next text, as long as an English one, and a sentence if that is one."""
        size = max(1, round(len(english) * LENGTHS.get(self.lang, 1)))
        start = self.at if self.at + 2 * size < len(self.text) else 0
        self.at = start + size
        if self.lang not in SPACELESS:
            self.at = max(self.text.find(" ", self.at), self.at)
        end = "" if self.lang in ENDLESS or english[-1] not in ".!?" else ENDS.get(self.lang, ".")
        return self.text[start : self.at].strip().rstrip(MARKS) + end or self.text[start : start + size]


def replaced(html: str, gold: str, supply: Supply) -> tuple[str, list[Text]]:
    """Return the page with other texts, and these."""
    tree = lxml.html.fromstring(html.encode(), parser=lxml.html.HTMLParser(encoding="utf-8"))
    known, texts = letters(gold), []

    def other(text: str | None) -> str | None:
        core = (text or "").strip()
        if not text or not any(map(str.isalpha, core)):
            return text
        piece = supply.piece(core)
        texts.append(Text(piece, len(letters(core)) > len("ab") and letters(core) in known))
        return text.replace(core, piece)

    for element in list(tree.iter()):
        if isinstance(element.tag, str) and element.tag not in RAW:
            element.text = other(element.text)
        if element.getparent() is not None and element.getparent().tag not in RAW:
            element.tail = other(element.tail)
    return lxml.html.tostring(tree, encoding="unicode"), texts


def scores(text: str, texts: Sequence[Text]) -> tuple[float, float, float]:
    """Return F1, precision and recall of an extracted text."""
    extracted = _bare(text)
    sizes: dict[tuple[bool, bool], int] = defaultdict(int)
    for piece, wanted in texts:
        if len(_bare(piece)) >= SHORTEST:
            sizes[wanted, _bare(piece) in extracted] += len(_bare(piece))
    right, missed, extra = sizes[True, True], sizes[True, False], sizes[False, True]
    f1 = 2 * right / (2 * right + missed + extra) if right + missed + extra else 1.0
    return f1, right / max(1, right + extra), right / max(1, right + missed)


def _bare(text: str) -> str:
    return _IGNORED.sub("", unicodedata.normalize("NFC", text))


def pages(folder: Path) -> tuple[list[tuple[str, str, str]], dict[str, list[str]]]:
    """Return URL, HTML and gold text of true English pages, and other texts by language."""
    english, texts = {}, defaultdict(list)
    with gzip.open(folder / "docs.jsonl.gz", "rt", encoding="utf-8") as lines:
        for doc in filter(lambda doc: doc["kind"] == "clean", map(json.loads, lines)):
            if doc["web"] == "page" and doc["lang"] == "en":
                english[doc["url"]] = doc["text"]
            elif doc["web"] != "page":
                texts[doc["lang"]].append(doc["text"])
    found = ((url, decoded(body, charset).utf8.decode()) for url, body, charset in responses(folder) if url in english)
    return [(url, html, english[url]) for url, html in found], texts


def rows(folder: Path, langs: Sequence[str]) -> Iterator[tuple[str, int, list[float]]]:
    """Yield language, pages and the mean scores."""
    english, texts = pages(folder)
    for lang in langs:
        supply = Supply(lang, texts[lang])
        made = [replaced(html, gold, supply) for _, html, gold in english]
        urls = pa.array([url for url, _, _ in english])
        extracted = main_texts(pa.array([html for html, _ in made]), urls)["text"].to_pylist()
        each = [scores(text or "", put) for text, (_, put) in zip(extracted, made, strict=True)]
        yield lang, len(each), [sum(column) / max(1, len(each)) for column in zip(*each, strict=True)]


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("languages", nargs="*", default=["en", "de", "ru", "ar", "hi", "ko", "zh", "ja", "th", "km"])
    given = parser.parse_args()
    print(f"{'':4}{'pages':>6}{'F1':>8}{'P':>8}{'R':>8}")
    for lang, number, means in rows(given.folder, given.languages):
        print(f"{lang:4}{number:6}" + "".join(f"{mean:8.4f}" for mean in means))
    return 0


if __name__ == "__main__":
    sys.exit(main())
