"""Accuracy of language identification by language, and milliseconds a document, of models and of other packages.

usage: python -m tools.bench.identification FILE... [--model PATH]... [--all]

FILE is JSON Lines, compressed or not, with ``lang`` and ``text``: a table for each. The models are those of the
catalogue and each ``--model``; pycld2 and py3langid are compared where they are installed. Figures are means over
languages. Languages below 95 % follow each table with what they are taken for, ``--all`` prints all of them.
Norwegian ``no`` counts as Bokmål.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from refinery.assets import Asset
from refinery.stages._codes import language_of
from refinery.stages._identification import MODELS, identified

Identify = Callable[[Sequence[str]], list[str]]
ENOUGH = 0.95
MOST_MISTAKEN = 3
SAME = {"no": "nb", "iw": "he", "jw": "jv", "zh-Hant": "zh"}
"""Other codes of a language: of lid.176, and of CLD2."""


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--model", action="append", default=[], help="path of a fastText model")
    parser.add_argument("--all", action="store_true", help="print every language")
    given = parser.parse_args()
    for file in given.files:
        languages, texts = _read(file)
        print(f"{file.name}: {len(texts)} texts, {len(set(languages))} languages")
        for name, identify in _tools(given.model):
            _print(name, identify, languages, texts, every=given.all)
    return 0


def _read(file: Path) -> tuple[list[str], list[str]]:
    with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    return [row["lang"] for row in rows], [row["text"] for row in rows]


def _tools(paths: Sequence[str]) -> Iterator[tuple[str, Identify]]:
    for model in [*MODELS, *paths]:
        yield model, _of_model(Asset(model))
    for name, make in {"CLD2": _cld2, "py3langid": _py3langid}.items():
        try:
            yield name, make()
        except ImportError:
            print(f"  {name}: not installed")


def _of_model(model: Asset) -> Identify:
    def identify(texts: Sequence[str]) -> list[str]:
        labels = identified(pa.array(texts, pa.string()), model)[0]
        return [language_of(label) for label in labels.to_pylist()]

    return identify


def _cld2() -> Identify:
    import pycld2

    def code(text: str) -> str:
        try:
            return str(pycld2.detect(text.encode(), bestEffort=True)[2][0][1])
        except pycld2.error:  # control characters
            return ""

    return lambda texts: [code(text) for text in texts]


def _py3langid() -> Identify:
    import py3langid

    return lambda texts: [str(py3langid.classify(text)[0]) for text in texts]


def _print(name: str, identify: Identify, languages: Sequence[str], texts: Sequence[str], *, every: bool) -> None:
    identify(texts[:1])  # loads the model
    start = time.perf_counter()
    found = [SAME.get(code, code) for code in identify(texts)]
    spent = time.perf_counter() - start
    by_language: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for language, code in zip(languages, found, strict=True):
        by_language[language][code] += 1
    shares = {language: counts[language] / counts.total() for language, counts in by_language.items()}
    print(f"  {name:14} {sum(shares.values()) / len(shares):.3f}  {1000 * spent / len(texts):.3f} ms a text")
    _print_languages(by_language, {code: share for code, share in shares.items() if every or share < ENOUGH})


def _print_languages(by_language: Mapping[str, Counter[str]], shares: Mapping[str, float]) -> None:
    for language in sorted(shares, key=lambda code: (shares[code], code)):
        others = [f"{code} {count}" for code, count in by_language[language].most_common() if code != language]
        print(f"    {language:4} {shares[language]:.2f}  {', '.join(others[:MOST_MISTAKEN])}")


if __name__ == "__main__":
    raise SystemExit(main())
