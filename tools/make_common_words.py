"""Write the common words of the table of languages: counted in texts, corroborated by lists of stop words.

usage: python tools/make_common_words.py TEXTS... [--out stages/languages] [--only de,fr]

TEXTS are .jsonl.gz with ``lang``, ``text``, ``source`` and perhaps ``kind``, of which ``clean`` counts. Texts are
counted, none is copied. The lists are those of spaCy and stopwordsiso, both MIT: ``pip install --group languages``.
A language must have its file; its other fields stay as they are.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import runpy
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from refinery.inspect.common_words import WordCounts
from refinery.stage.language_file import LanguageFile, WordsEvidence
from refinery.stages._languages import SHIPPED

LEAST_TEXTS = 5
"""Texts of a language from which words are derived."""

LEAST_WORDS = 20
"""Words that a list has at least: a language with fewer has none."""

NAMED = 0.05
"""Share of the texts from which on a source is named."""

ALSO = {"nb": "no", "nn": "no", "bs": "hr", "sr": "hr"}
"""Another code of a language in the lists, or a language that has the same function words, or those in Latin script."""


def read_texts(paths: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the clean texts of all files."""
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            for line in stream:
                row = json.loads(line)
                if row.get("kind", "clean") == "clean" and row["text"]:
                    yield row


def stop_words(code: str) -> dict[str, frozenset[str]]:
    """Return the lists of stop words of a language, by source and licence."""
    found: dict[str, frozenset[str]] = {}
    for known in dict.fromkeys((code, ALSO.get(code, code))):
        if words := _spacy(known):
            found.setdefault("stop words of spaCy (MIT)", words)
        if words := _iso(known):
            found.setdefault("stop words of stopwords-iso (MIT)", words)
    return found


def _spacy(code: str) -> frozenset[str]:
    path = Path(_package("spacy"), "lang", code, "stop_words.py")
    return frozenset(map(str.lower, runpy.run_path(str(path))["STOP_WORDS"])) if path.exists() else frozenset()


def _iso(code: str) -> frozenset[str]:
    lists = json.loads(Path(_package("stopwordsiso"), "stopwords-iso.json").read_text(encoding="utf-8"))
    return frozenset(map(str.lower, lists.get(code, ())))


def _package(name: str) -> str:
    """Return the folder of an installed package, which is not imported: only its data is read."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{name} is not installed: pip install --group languages")
    return str(Path(spec.origin).parent)


def _named(sources: Counter[str]) -> Iterator[str]:
    """Yield the names of the larger sources, largest first."""
    named = [name for name, texts in sources.most_common() if texts >= NAMED * sources.total()]
    yield from named
    if len(named) < len(sources):
        yield "others"


def main() -> None:
    """Read the texts, and write the words of every language that has a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="+")
    parser.add_argument("--out", default=SHIPPED, help="folder of the files (default: the package's)")
    parser.add_argument("--only", default="", help="codes, with commas between them")
    options = parser.parse_args()
    counts: defaultdict[str, WordCounts] = defaultdict(WordCounts)
    sources: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in read_texts(options.texts):
        counts[row["lang"]].add([row["text"]])
        sources[row["lang"]][row["source"].partition(":")[0]] += 1
    for path in sorted(Path(options.out).glob("*.toml")):
        code = path.stem
        if counts[code].texts < LEAST_TEXTS or (options.only and code not in options.only.split(",")):
            continue
        lists = stop_words(code)
        file = LanguageFile.from_toml(str(path), path.read_text(encoding="utf-8"))
        words = counts[code].common(frozenset().union(*lists.values()))
        words = words if len(words) >= LEAST_WORDS else ()
        texts = f"word counts of texts from {', '.join(_named(sources[code]))}"
        evidence = WordsEvidence(sources=(*lists, texts), documents=counts[code].texts)
        changed = {"common_words": words, "evidence": file.evidence.model_copy(update={"words": evidence})}
        path.write_text(file.model_copy(update=changed).to_toml(), encoding="utf-8")
        print(f"{code}: {len(words)} words, {counts[code].texts} texts, {len(lists)} lists: {' '.join(words[:12])}")


if __name__ == "__main__":
    main()
