"""Stage ``fineweb``: removes documents by FineWeb's own filters: few finished lines, short or repeated lines, lists.

Definitions and thresholds are those of the code that made FineWeb (datatrove), which differ from the paper: repeated
characters 0.01 (§3.6 has 0.1, table 2 has 0.01), lines of at most 30 characters (fewer than 30), and a fourth rule,
newlines a word. A line is what lies between newlines; one of white space only does not count. It is compared, measured
and read to its last character as it is, so that a line that ends with a space ends with no punctuation. The first
occurrence of a line is no repeat. Shares of characters are of all characters but newlines.

FineWeb-2 turned the rule on short lines off, moved repeated characters to 0.1, and chose the others by language.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from refinery import Docs, Filter, LanguageScope, Metric, Rule, Values, threshold
from refinery.kernels import word_ids
from refinery.stages._evidence import highlighted
from refinery.stages._lines import BLANKS, per_text, repeated, shares, split_lines
from refinery.stages._terminals import TERMINALS
from refinery.stages._thresholds import LanguageTables
from refinery.stages._words import ABOUT_WORDS, SPACELESS, Words, cuts, versions

_LINE = re.compile(r"[^\n]*\S[^\n]*")


class Fineweb(LanguageTables, Filter):
    """Keep documents of finished, long and distinct lines."""

    name: ClassVar = "fineweb"
    version: ClassVar = 1
    source: ClassVar = "Penedo et al. 2024, §3.6; https://arxiv.org/abs/2406.17557"
    metrics: ClassVar = (
        Metric("lines", pa.uint32(), "count", "lines", "lines that are not blank"),
        Metric("line_punct", help="share of lines that end with terminal punctuation; with exclude_zero null for none"),
        Metric("short_lines", help="share of lines with at most short_line characters"),
        Metric("char_dup", help="share of characters in lines that occurred before"),
        Metric("list_ratio", help="newlines a word; above 1 where there are more of them than words"),
    )

    words: Words = Field("segmented", description=ABOUT_WORDS)
    min_line_punct: float = threshold(
        0.12, ge=0, le=1, description="smallest share of lines that end with terminal punctuation"
    )
    exclude_zero: bool = Field(
        default=False, description="keep documents in which no line ends with terminal punctuation"
    )
    max_short_lines: float = threshold(0.67, ge=0, description="largest share of short lines")
    short_line: int = Field(30, ge=0, description="characters of the longest line that is short")
    max_char_dup: float = threshold(0.01, ge=0, description="largest share of characters in repeated lines")
    max_list_ratio: float = threshold(0.3, ge=0, description="most newlines a word")

    def language_scopes(self) -> tuple[LanguageScope, ...]:
        """Words that lie between spaces."""
        found = LanguageScope(
            "its words lie between spaces",
            "list_ratio removes nearly all of their documents",
            "set words: segmented, or max_list_ratio: 1 or more",
            but=SPACELESS,
        )
        return (found,) if self.words == "whitespace" and self.max_list_ratio < 1 else ()

    def versions(self) -> dict[str, str]:
        """Return the versions of what defines words."""
        return versions(self.words)

    def rules(self) -> tuple[Rule, ...]:
        """The order of the code."""
        return (
            Rule("empty", "lines", "There is no text.", at_least=1),
            Rule("line_punct", "line_punct", "Lines that are no sentences.", at_least=self.min_line_punct),
            Rule("short_lines", "short_lines", "Mostly scraps of text.", at_most=self.max_short_lines),
            Rule("char_dup", "char_dup", "Lines again and again.", at_most=self.max_char_dup),
            Rule("list_ratio", "list_ratio", "A list rather than prose.", at_most=self.max_list_ratio),
        )

    def measure(self, docs: Docs) -> Values:
        """The number of lines, and the four shares."""
        texts = pc.fill_null(docs.column("text"), "")
        every, parents = split_lines(texts)
        filled = pc.not_equal(pc.utf8_trim(every, BLANKS), "")
        lines, parents = every.filter(filled), parents[filled.to_numpy(zero_copy_only=False)]
        lengths = pc.utf8_length(lines).to_numpy()
        count = per_text(parents, len(docs))

        ended = pc.is_in(pc.utf8_slice_codeunits(lines, -1), value_set=pa.array(list(TERMINALS)))
        punct = shares(per_text(parents, len(docs), ended.to_numpy(zero_copy_only=False)), count)
        newlines = pc.count_substring(texts, "\n").to_numpy()
        characters = pc.utf8_length(texts).to_numpy() - newlines
        words = pc.list_value_length(word_ids(texts, cuts(docs, self.words))).to_numpy()
        return {
            "lines": pa.array(count.astype(np.uint32)),
            "line_punct": pa.array(punct, mask=(punct == 0) if self.exclude_zero else None),
            "short_lines": pa.array(shares(per_text(parents, len(docs), lengths <= self.short_line), count)),
            "char_dup": pa.array(shares(per_text(parents, len(docs), lengths * repeated(lines, parents)), characters)),
            "list_ratio": pa.array(shares(newlines, words)),
        }

    def highlights(self, text: str, metric: str) -> Iterable[tuple[int, int]]:
        """Return the lines that are counted; of ``line_punct`` those without punctuation, which are not."""
        if metric == "char_dup":
            yield from highlighted("duplicate_lines", text, self.words)
        for line in _LINE.finditer(text):
            ended = line[0].endswith(tuple(TERMINALS))
            if (metric == "line_punct" and not ended) or (metric == "short_lines" and len(line[0]) <= self.short_line):
                yield line.span()
