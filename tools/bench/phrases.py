"""Measure the shares that the phrases of ``lines`` cut by language: of main texts, and of the lines around them.

``python tools/bench/phrases.py FOLDER`` reads the folder's WARC files and ``docs.jsonl.gz`` (a line a page: url, lang,
kind, web, text). Lines around a main text are the short lines of a true page that are not in it. Only phrases and
counters are applied.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from resiliparse.extract.html2text import extract_plain_text

from refinery.kernels import decoded
from refinery.stage.documents import LANG
from refinery.stages.lines import Lines
from refinery.testing import documents
from tools.bench.gold import responses

LONGEST = 80
FEWEST = 100
OTHERS = re.compile(r"\W+")


def letters(text: str) -> str:
    """Return what two texts have in common if only marks, case and width differ."""
    return OTHERS.sub("", unicodedata.normalize("NFKC", text)).casefold()


def around(html: str, gold: str) -> Iterator[str]:
    """Yield the short lines of a page that are not in its main text."""
    known = letters(gold)
    for line in extract_plain_text(html, main_content=False).split("\n"):
        bare = line.strip(" \t•")
        if letters(bare) and len(bare) <= LONGEST and letters(bare) not in known:
            yield bare


def cut(texts: Sequence[str], lang: str) -> list[int]:
    """Return how many characters each text loses."""
    batch = documents(texts).with_columns({LANG.name: pa.array([lang] * len(texts), LANG.type)})
    removed = Lines(discard=("counter",)).edit(batch).metrics["removed"].to_pylist()
    return [sum(len(span["text"]) for span in spans) for spans in removed]


def pages(folder: Path) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return by language the main texts, and the lines around those of true pages."""
    with gzip.open(folder / "docs.jsonl.gz", "rt", encoding="utf-8") as lines:
        clean: list[dict[str, Any]] = [doc for doc in map(json.loads, lines) if doc["kind"] == "clean"]
    texts: dict[str, list[str]] = defaultdict(list)
    junk: dict[str, list[str]] = defaultdict(list)
    true = {doc["url"]: doc for doc in clean if doc["web"] == "page"}
    for doc in clean:
        texts[doc["lang"]].append(doc["text"])
    for url, body, charset in responses(folder):
        if page := true.get(url):
            junk[page["lang"]] += around(decoded(body, charset).utf8.decode(), page["text"])
    return texts, junk


def share(parts: Iterable[int], texts: Sequence[str]) -> float:
    """Return the share of the texts' characters."""
    return sum(parts) / max(1, sum(map(len, texts)))


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    texts, junk = pages(parser.parse_args().folder)
    print(f"{'':4}{'texts':>6}{'wrongly cut':>12}{'lines around':>14}{'of them cut':>12}")
    for lang, some in sorted(texts.items()):
        lines = junk[lang] if len(junk[lang]) >= FEWEST else []
        found = sum(n > 0 for n in cut(lines, lang)) / len(lines) if lines else None
        wrong = share(cut(some, lang), some)
        print(f"{lang:4}{len(some):6}{wrong:12.5f}{len(lines):14}" + ("" if found is None else f"{found:12.4f}"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
