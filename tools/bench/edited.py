"""How many edited copies of real texts each profile finds, by language, beside what its formula says; last line JSON.

usage: python -m tools.bench.edited FOLDER [--languages zh ja th km lo my] [--only fineweb] [--pairs 2000]

FOLDER has LANG.jsonl.gz with sentences: ``text`` and the ``words`` in it. A document is sentences put together, its
copy has some of their words substituted, deleted or inserted. The formula takes the exact Jaccard similarity of their
shingles, computed without any hash: of the tokens that the stage compares, and of the words of FOLDER, which are no
work of our segmenter. Keys and sketches are made by the stage, from text on.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from refinery import Docs
from refinery.kernels import normalise, token_ids, word_spans
from refinery.stages._profiles import PROFILES, probability
from refinery.stages.minhash import MinHash
from refinery.testing import documents
from tools.bench.curve import found

LANGUAGES = ("zh", "ja", "th", "km", "lo", "my")
WORDS = 250
"""Words of a document at least."""

EDITED = {"words": 0.08, "gpt2": 0.3}
"""Largest share of the words of a document that is edited; a word is several tokens, few of which differ then."""

BATCH = 500

Sentence = tuple[str, ...]
"""Words, each with the white space behind it."""


@dataclass(frozen=True)
class Pairs:
    """Documents and their edited copies, as text and as words."""

    texts: tuple[Docs, Docs]
    words: tuple[list[Sentence], list[Sentence]]


def sentences(path: Path) -> list[Sentence]:
    """Return the sentences of a file."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return [_spaced(**{name: row[name] for name in ("text", "words")}) for row in map(json.loads, stream)]


def _spaced(text: str, words: Sequence[str]) -> Sentence:
    places, at = [], 0
    for word in words:
        places.append(text.index(word, at))
        at = places[-1] + len(word)
    return tuple(text[start:end] for start, end in zip([0, *places[1:]], [*places[1:], len(text)], strict=True))


def batches(some: Sequence[Sentence], count: int, most: float) -> Iterator[Pairs]:
    """Yield ``count`` pairs of documents, each with its own share of edited words up to ``most``."""
    draw = random.Random(1)  # noqa: S311  nothing secret
    for start in range(0, count, BATCH):
        pairs = [_pair(some, most, draw) for _ in range(min(BATCH, count - start))]
        left, right = ([pair[side] for pair in pairs] for side in (0, 1))
        yield Pairs((_documents(left), _documents(right)), (left, right))


def _documents(texts: Sequence[Sentence]) -> Docs:
    return documents(["".join(words) for words in texts])


def _pair(some: Sequence[Sentence], most: float, draw: random.Random) -> tuple[Sentence, Sentence]:
    words: list[str] = []
    while len(words) < WORDS:
        words += [*draw.choice(some), "\n"]
    copy = list(words)
    for _ in range(draw.randint(1, int(most * len(words)))):
        place = draw.randrange(len(copy))
        other = draw.choice(draw.choice(some))
        copy[place : place + draw.randint(0, 1)] = draw.choice([[other], [other], []])
    return tuple(words), tuple(copy)


def similarity(a: Sequence[Any], b: Sequence[Any], size: int) -> float:
    """Return the Jaccard similarity of the shingles of two lists of tokens."""
    one, other = ({tuple(tokens[at : at + size]) for at in range(len(tokens) - size + 1)} for tokens in (a, b))
    return len(one & other) / len(one | other)


def tokens_of(stage: MinHash, docs: Docs) -> list[list[Any]]:
    """Return the tokens that the stage compares, words as they are spelled."""
    texts = normalise(docs.column("text"))
    if stage.unit == "gpt2":
        tokens: list[list[Any]] = token_ids(texts, stage.merges.path()).to_pylist()
        return tokens
    spans = word_spans(texts, stage.cuts(docs))
    return [[text[a:b] for a, b in within] for text, within in zip(texts.to_pylist(), spans, strict=True)]


def _compared(words: Sentence) -> list[str]:
    return [word for word in normalise(pa.array(words)).to_pylist() if word]


def measure(name: str, some: Sequence[Sentence], count: int, **fields: Any) -> dict[str, float]:
    """Return the share of pairs that a profile finds, and what the formula says of their tokens and of their words."""
    stage, shape = MinHash(profile=name, **fields), PROFILES[name]
    hits, chances, of_words = 0, [], []
    for pairs in batches(some, count, EDITED[shape.unit]):
        hits += found(stage, *pairs.texts)
        tokens = [tokens_of(stage, docs) for docs in pairs.texts]
        words = [list(map(_compared, texts)) for texts in pairs.words]
        chances += [
            probability(similarity(*pair, shape.ngram), shape) for pair in zip(tokens[0], tokens[1], strict=True)
        ]
        of_words += [
            probability(similarity(*pair, shape.ngram), shape) for pair in zip(words[0], words[1], strict=True)
        ]
    figures = {"found": hits, "formula": sum(chances), "formula of words": sum(of_words)}
    return {label: round(value / count, 4) for label, value in figures.items()}


def main() -> None:
    """Print a row for each language and profile."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--languages", nargs="*", default=list(LANGUAGES))
    parser.add_argument("--only", nargs="*", choices=list(PROFILES), default=list(PROFILES))
    parser.add_argument("--pairs", type=int, default=2_000)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    figures: dict[str, Any] = {}
    print("language  profile       found  formula  difference  of words  white space")
    for language in arguments.languages:
        some = sentences(arguments.folder / f"{language}.jsonl.gz")
        for name in arguments.only:
            row = measure(name, some, arguments.pairs)
            if PROFILES[name].unit == "words":
                row["found by white space"] = measure(name, some, BATCH, words="whitespace")["found"]
            difference = row["found"] - row["formula"]
            print(
                f"{language:9} {name:11} {row['found']:7.4f}  {row['formula']:7.4f}  {difference:+10.4f}  "
                f"{row['formula of words']:8.4f}  {row.get('found by white space', float('nan')):11.4f}",
                flush=True,
            )
            figures.setdefault(language, {})[name] = row
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
