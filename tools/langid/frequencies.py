"""Lines of a language from the frequencies of its words: words drawn at random, as often as they are used.

The order of words means nothing to the model, which adds up words and n-grams of letters within words.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from random import Random

from refinery.kernels.reference.langid import plain

TABLE = "topwords-"
RAREST = 2e-6
WORDS = (4, 24)
"""The least and the most words of a line."""


class Frequencies:
    """The words of a language and how often they are used."""

    def __init__(self, words: Mapping[str, float]) -> None:
        self._shares = words
        self._words = list(words)
        self._sums = list(accumulate(words.values()))

    def line(self, random: Random, space: str) -> str:
        """Return a line of words drawn at random, with ``space`` between them."""
        return space.join(random.choices(self._words, cum_weights=self._sums, k=random.randint(*WORDS)))

    def flattened(self) -> Frequencies:
        """Return the words with the square roots of their frequencies, so that rarer ones are drawn more often."""
        return Frequencies({word: share**0.5 for word, share in self._shares.items()})


def of_many_genres(languages: Sequence[str]) -> dict[str, Frequencies]:
    """Return the frequencies of wordfreq, which has one table for Bosnian, Croatian and Serbian, by language."""
    import wordfreq

    found = {}
    for name in wordfreq.available_languages("best"):
        code = "tl" if name == "fil" else name
        if code in languages:
            words = wordfreq.get_frequency_dict(name, "best")
            read = ((plain(word).strip(), share) for word, share in words.items() if share >= RAREST)
            found[code] = Frequencies({word: share for word, share in read if word})
    return found


def of_wikipedia(folder: Path, code_of: Callable[[str], str], longer_than: Mapping[str, int]) -> dict[str, Frequencies]:
    """Return the frequencies of langidentify by language.

    Words that are not longer than ``longer_than`` are left out: some languages have no words of one or two letters.
    """
    found = {}
    for path in sorted(folder.rglob(f"{TABLE}*.txt.gz")):
        code = code_of(path.name.removeprefix(TABLE).partition(".")[0])
        if code:
            table = gzip.decompress(path.read_bytes()).decode()
            rows = (row.rsplit(" ", 1) for row in table.splitlines() if row[0] != "#")
            words = ((plain(word).strip(), math.exp(float(logarithm))) for word, logarithm in rows)
            found[code] = Frequencies({word: share for word, share in words if len(word) > longer_than.get(code, 0)})
    return found
