"""Stage ``prose``: removes documents that are no prose of their language: keywords, menus, spam, damaged text.

It completes Gopher's rules for languages other than English. One rule has a threshold by language: a text without the
common words of its language is a list of keywords, or in another language. The others are the same for all languages:
text is prose in long lines, or in lines that end like sentences; a wrong charset leaves odd words and broken
characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import ClassVar

from pydantic import Field

from refinery import LANG, Docs, Filter, Metric, Rule, Values, threshold
from refinery.kernels import prose_highlights, prose_statistics
from refinery.stages._languages import common_words, words_digest
from refinery.stages._thresholds import LanguageTables
from refinery.stages._words import cuts, spans, versions

MOST_FREQUENT = 40
"""Common words that count: lists of keywords have rarer ones, too."""


class Prose(LanguageTables, Filter):
    """Keep documents that read like prose of their language."""

    name: ClassVar = "prose"
    version: ClassVar = 2
    source: ClassVar = "own; common words as in FineWeb-2, https://arxiv.org/abs/2506.20920"
    uses: ClassVar = (LANG.name,)
    words_field: ClassVar = "common"
    metrics: ClassVar = (
        Metric("common_words", help="share of words that are common in the language; null where it has no list"),
        Metric("prose_words", help="share of words in lines, or items of a menu, that are long or end like sentences"),
        Metric("duplicate_sentences", help="share of sentences that occurred before, of those in lines with several"),
        Metric("odd_words", help="share of words with a symbol among letters, or letters of two alphabets"),
        Metric("broken_characters", help="share of characters that are U+FFFD, control characters or for private use"),
    )

    min_common_words: float = threshold(
        0, ge=0, le=1, calibrated=0.33, description="smallest share of words that are common in the language"
    )
    min_prose_words: float = threshold(0.5, ge=0, le=1, description="smallest share of words in lines of prose")
    max_duplicate_sentences: float = threshold(0.2, ge=0, le=1, description="largest share of repeated sentences")
    max_odd_words: float = threshold(0.05, ge=0, le=1, description="largest share of odd words")
    max_broken_characters: float = threshold(0.002, ge=0, le=1, description="largest share of broken characters")
    common: str = Field("table", description="common words by language: table, or a folder of tables")

    def versions(self) -> dict[str, str]:
        """The common words, and what decides what a word is."""
        return {"common_words": words_digest(self.common), **versions("segmented")}

    def rules(self) -> tuple[Rule, ...]:
        """Damage first, for it explains what else a text lacks."""
        broken, odd = self.max_broken_characters, self.max_odd_words
        return (
            Rule("broken_characters", "broken_characters", "Read with a wrong charset.", at_most=broken),
            Rule("odd_words", "odd_words", "Read with a wrong charset.", at_most=odd),
            Rule("few_prose_words", "prose_words", "A menu or a list.", at_least=self.min_prose_words),
            Rule("few_common_words", "common_words", "Keywords, no sentences.", at_least=self.min_common_words),
            Rule(
                "duplicate_sentences",
                "duplicate_sentences",
                "A phrase again and again.",
                at_most=self.max_duplicate_sentences,
            ),
        )

    def highlights(self, text: str, metric: str) -> Iterable[tuple[int, int]]:
        """Return the spans that are counted; of ``prose_words`` those that are not, of ``common_words`` none."""
        return prose_highlights(text, metric, spans(text, "segmented"))

    def measure(self, docs: Docs) -> Values:
        """The five shares."""
        measured = prose_statistics(docs.column("text"), docs.languages(), _lists(self.common), cuts(docs, "segmented"))
        return {metric.name: measured.column(metric.name) for metric in self.metrics}


@cache
def _lists(place: str) -> Mapping[str, tuple[str, ...]]:
    return {code: words[:MOST_FREQUENT] for code, words in common_words(place).items()}
