"""Stage ``quality``: removes documents whose words and lines do not look like prose.

Gopher's seven document rules, for English. Punctuation that touches a word belongs to it, for every rule. Choices where
the implementations differ: hashes and ellipses have one rule each; an ellipsis is "...", ". . ." or "…"; bullets are
all characters that Unicode calls so, "-" and "*"; blank lines are no lines; stop words count once each, in any case,
with punctuation around them ("The," is "the"), or as they are ``spelled``, as in datatrove. Where words are tokens
(``unicode``, ``spacy``), tokens of punctuation alone do not count in ``words`` and their mean length, but in the shares
of words, as in datatrove.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from refinery import LANG, Docs, Filter, LanguageScope, Metric, Rule, Values, threshold
from refinery.kernels import distinct_words
from refinery.stages._evidence import first_of, highlighted
from refinery.stages._languages import common_words, words_digest
from refinery.stages._thresholds import LanguageTables
from refinery.stages._words import ABOUT_WORDS, SPACELESS, Words, cuts, statistics, versions

CLAUSE = 100
"""Characters between two spaces that are common in writing which puts none between words."""


class Quality(LanguageTables, Filter):
    """Keep documents that read like text written by people."""

    name: ClassVar = "quality"
    version: ClassVar = 2
    source: ClassVar = "Rae et al. 2021, section A.1; https://arxiv.org/abs/2112.11446"
    uses: ClassVar = (LANG.name,)
    metrics: ClassVar = (
        Metric("words", pa.uint32(), "log", "words", "words of the text"),
        Metric("mean_word_length", pa.float64(), "log", "characters", "mean length of the words"),
        Metric("hash_ratio", help="# characters a word; above 1 where there are more of them than words"),
        Metric("ellipsis_ratio", help="ellipses a word; above 1 where there are more of them than words"),
        Metric("bullet_lines", help="share of lines that start with a bullet"),
        Metric("ellipsis_lines", help="share of lines that end with an ellipsis"),
        Metric("alpha_words", help="share of words with at least one letter"),
        Metric("stop_words", pa.uint32(), "count", "words", "how many of the stop words occur; null without a list"),
    )

    words: Words = Field("segmented", description=ABOUT_WORDS)
    min_words: int = threshold(50, ge=0, description="fewest words of a document")
    max_words: int = threshold(100_000, ge=0, description="most words of a document")
    min_mean_word_length: float = threshold(
        3, ge=0, calibrated=0.7, description="smallest mean length of the words, in characters"
    )
    max_mean_word_length: float = threshold(
        10, ge=0, calibrated=1.3, description="largest mean length of the words, in characters"
    )
    max_hash_ratio: float = threshold(0.1, ge=0, description="most # characters a word")
    max_ellipsis_ratio: float = threshold(0.1, ge=0, description="most ellipses a word")
    max_bullet_lines: float = threshold(0.9, ge=0, description="largest share of lines that start with a bullet")
    max_ellipsis_lines: float = threshold(0.3, ge=0, description="largest share of lines that end with an ellipsis")
    min_alpha_words: float = threshold(0.8, ge=0, le=1, description="smallest share of words with at least one letter")
    min_stop_words: int = threshold(2, ge=0, description="fewest different stop words in a document")
    stop_words: tuple[str, ...] = Field(
        ("the", "be", "to", "of", "and", "that", "have", "with"),
        description="words that any longer text contains",
    )
    spelled: bool = Field(False, description="count stop words in this case only, without punctuation at their ends")
    common: str = Field(
        "", description="common words by language in place of stop_words: table, or a folder of tables; empty for none"
    )

    @model_validator(mode="after")
    def _has_enough_stop_words(self) -> Self:
        if not self.common and self.min_stop_words > len(set(self.stop_words)):
            raise ValueError(
                f"min_stop_words is {self.min_stop_words}, and only {len(set(self.stop_words))} stop_words are listed"
            )
        return self

    def language_scopes(self) -> tuple[LanguageScope, ...]:
        """Stop words that are English, and words that lie between spaces."""
        defaults = type(self).model_fields
        found = []
        if self.min_stop_words and not self.common and self.stop_words == defaults["stop_words"].default:
            found.append(
                LanguageScope(
                    "its stop words are English",
                    "few_stop_words removes nearly all of their documents",
                    "set stop_words to common words of all kept languages, or min_stop_words: 0",
                    only=("en",),
                )
            )
        if self.words == "whitespace" and (self.min_words > 1 or self.max_mean_word_length < CLAUSE):
            found.append(
                LanguageScope(
                    "its words lie between spaces",
                    "too_few_words and long_words remove nearly all of their documents",
                    f"set words: segmented, or min_words: 0 and max_mean_word_length: {CLAUSE} or more",
                    but=SPACELESS,
                )
            )
        return tuple(found)

    def versions(self) -> dict[str, str]:
        """Return the versions of what defines letters, punctuation and words."""
        lists = {"common_words": words_digest(self.common)} if self.common else {}
        return {**versions(self.words), **lists}

    def rules(self) -> tuple[Rule, ...]:
        """The paper's order."""
        return (
            Rule("too_few_words", "words", "Too short to teach anything.", at_least=self.min_words),
            Rule("too_many_words", "words", "So long that it is rarely prose.", at_most=self.max_words),
            Rule("short_words", "mean_word_length", "Not words of a language.", at_least=self.min_mean_word_length),
            Rule("long_words", "mean_word_length", "Not words of a language.", at_most=self.max_mean_word_length),
            Rule("hashes", "hash_ratio", "Tags rather than sentences.", at_most=self.max_hash_ratio),
            Rule("ellipses", "ellipsis_ratio", "Mostly clipped sentences.", at_most=self.max_ellipsis_ratio),
            Rule("bullets", "bullet_lines", "A list rather than prose.", at_most=self.max_bullet_lines),
            Rule("clipped_lines", "ellipsis_lines", "A list of teasers.", at_most=self.max_ellipsis_lines),
            Rule("few_letters", "alpha_words", "Numbers and marks, not words.", at_least=self.min_alpha_words),
            Rule("few_stop_words", "stop_words", "Not sentences of English.", at_least=self.min_stop_words),
        )

    def measure(self, docs: Docs) -> Values:
        """The eight figures."""
        measured = statistics(docs, self.words)
        shared = {m.name: measured.column(m.name) for m in self.metrics if m.name != "stop_words"}
        return {**shared, "stop_words": self._stop_words(docs)}

    def _stop_words(self, docs: Docs) -> pa.UInt32Array:
        """Return how many of the stop words of its language each text has; null where there is no list."""
        texts, found = docs.column("text"), cuts(docs, self.words)
        if not self.common:
            return distinct_words(texts, self.stop_words, found, spelled=self.spelled)
        languages, lists, counts = docs.languages(), common_words(self.common), pa.nulls(len(docs), pa.uint32())
        for code in sorted(lists.keys() & set(pc.unique(languages).to_pylist())):
            rows = pc.fill_null(pc.equal(languages, code), False)
            some = None if found is None else found.filter(rows)
            of_language = distinct_words(texts.filter(rows), lists[code], some, spelled=self.spelled)
            counts = pc.replace_with_mask(counts, rows, of_language)
        return counts

    def highlights(self, text: str, metric: str) -> Iterable[tuple[int, int]]:
        """Return the spans that are counted; of ``alpha_words`` the words without a letter, which are not."""
        if metric == "stop_words":
            return () if self.common else first_of(self.stop_words, text, self.words, spelled=self.spelled)
        return highlighted(metric, text, self.words)
