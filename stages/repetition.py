"""Stage ``repetition``: removes documents that repeat lines, paragraphs or word n-grams within themselves.

The thirteen metrics of Gopher's table A1. It looks at one document at a time; repeats between documents are the work of
``minhash`` and ``substring``. Gopher leaves open what counts as a duplicate and of what whole the shares are. There are
two readings. datatrove's, the default: the first occurrence is no duplicate, shares of characters are of all characters
of the text. DCLM's (``copies: all``): each copy is a duplicate, also the first; shares of characters are of those in
lines, in paragraphs, or in words that begin with a letter or a digit. With the same thresholds it removes more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from refinery import Docs, Filter, LanguageScope, Metric, Rule, Values, threshold
from refinery.kernels import copy_shares
from refinery.stages._evidence import copied, highlighted
from refinery.stages._thresholds import LanguageTables
from refinery.stages._words import ABOUT_WORDS, SPACELESS, Words, cuts, statistics, versions

Share = Annotated[float, Field(ge=0, description="largest share; see the metric of this name")]


def _top(n: int) -> Metric:
    return Metric(
        f"top_{n}_gram", help=f"share of characters in the most frequent {n}-gram of words; above 1 by overlap"
    )


def _duplicate(n: int) -> Metric:
    return Metric(f"duplicate_{n}_gram", help=f"share of characters in {n}-grams of words that occurred before")


class Repetition(LanguageTables, Filter):
    """Keep documents that do not repeat themselves."""

    name: ClassVar = "repetition"
    version: ClassVar = 2
    source: ClassVar = "Rae et al. 2021, table A1; https://arxiv.org/abs/2112.11446"
    metrics: ClassVar = (
        Metric("duplicate_lines", help="share of lines that occurred before"),
        Metric("duplicate_paragraphs", help="share of paragraphs that occurred before"),
        Metric("duplicate_line_characters", help="share of characters in lines that occurred before"),
        Metric("duplicate_paragraph_characters", help="share of characters in paragraphs that occurred before"),
        *map(_top, (2, 3, 4)),
        *map(_duplicate, (5, 6, 7, 8, 9, 10)),
    )

    words: Words = Field("segmented", description=ABOUT_WORDS)
    copies: Literal["later", "all"] = Field(
        "later", description="which copies of a line, paragraph or n-gram count: those after the first, or all"
    )
    max_duplicate_lines: Share = threshold(0.30)
    max_duplicate_paragraphs: Share = threshold(0.30)
    max_duplicate_line_characters: Share = threshold(0.20)
    max_duplicate_paragraph_characters: Share = threshold(0.20)
    max_top_2_gram: Share = threshold(0.20)
    max_top_3_gram: Share = threshold(0.18)
    max_top_4_gram: Share = threshold(0.16)
    max_duplicate_5_gram: Share = threshold(0.15)
    max_duplicate_6_gram: Share = threshold(0.14)
    max_duplicate_7_gram: Share = threshold(0.13)
    max_duplicate_8_gram: Share = threshold(0.12)
    max_duplicate_9_gram: Share = threshold(0.11)
    max_duplicate_10_gram: Share = threshold(0.10)

    def language_scopes(self) -> tuple[LanguageScope, ...]:
        """Words that lie between spaces."""
        found = LanguageScope(
            "its n-grams are of words between spaces",
            "their n-gram metrics are those of a few long words",
            "set words: segmented, or use rules on lines alone: max_top_N_gram and max_duplicate_N_gram of 1 or more",
            but=SPACELESS,
        )
        grams = [name for name in type(self).model_fields if name.endswith("_gram")]
        return (found,) if self.words == "whitespace" and any(getattr(self, name) < 1 for name in grams) else ()

    def versions(self) -> dict[str, str]:
        """Return the versions of what defines words; what lies between white space is a word by itself."""
        return {} if (self.words, self.copies) == ("whitespace", "later") else versions(self.words)

    def rules(self) -> tuple[Rule, ...]:
        """One rule a metric, with the metric's name; a document with fewer than n words has no n-gram to measure."""
        return tuple(
            Rule(
                metric.name, metric.name, f"Too repetitive: {metric.help}.", at_most=getattr(self, f"max_{metric.name}")
            )
            for metric in self.metrics
        )

    def measure(self, docs: Docs) -> Values:
        """The thirteen shares."""
        every = self.copies == "all"
        measured = copy_shares(docs.column("text"), cuts(docs, self.words)) if every else statistics(docs, self.words)
        return {metric.name: measured.column(metric.name) for metric in self.metrics}

    def highlights(self, text: str, metric: str) -> Iterable[tuple[int, int]]:
        """The repeats, without what they repeat if only later copies count; of a most frequent n-gram every copy."""
        return (copied if self.copies == "all" else highlighted)(metric, text, self.words)
