"""What benchmarks of kernels work on: texts of about 2.4 KB, real ones where there are any."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import pyarrow as pa

from refinery.demo.prose import english

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
SHORTEST, LONGEST = 1_200, 4_000
"""Bytes of a document; within these thresholds the mean is about 2.4 KB."""

BULK = 2_000

WORDS = 400
"""Words of a generated document."""


@dataclass(frozen=True)
class Documents:
    """Texts, and where they come from. ``corpus`` is None where there are no real pages."""

    texts: list[str]
    source: str
    corpus: Path | None

    @cached_property
    def bulk(self) -> Documents:
        """Enough text for what depends on the processor's caches, or on repeats across documents."""
        return documents(BULK)

    @cached_property
    def array(self) -> pa.StringArray:
        """The texts as a column."""
        return pa.array(self.texts, pa.string())

    @cached_property
    def urls(self) -> list[str]:
        """Addresses of pages."""
        if self.corpus is None:
            return [f"https://www.host{number % 97}.example.org/a-page/{number}?q=1" for number in range(BULK)]
        with gzip.open(self.corpus / "pages" / "manifest.jsonl.gz", "rt", encoding="utf-8") as lines:
            return [json.loads(line)["url"] for line in lines]

    @property
    def bytes(self) -> int:
        """Of all texts, in UTF-8."""
        return sum(len(text.encode()) for text in self.texts)


def documents(count: int) -> Documents:
    """``count`` English documents, or as many as there are."""
    if CORPUS.is_dir():
        return Documents(list(islice(_real(), count)), "gold texts of the corpus", CORPUS)
    made = ("\n\n".join((article.title, *article.paragraphs)) for article in english(WORDS))
    return Documents(list(islice(made, count)), "generated", None)


def _real() -> Iterator[str]:
    with gzip.open(CORPUS / "pages" / "truth.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            page = json.loads(line)
            text = page["gold_text"].replace("\r\n", "\n")
            if page["lang"] == "en" and SHORTEST <= len(text.encode()) <= LONGEST:
                yield text
