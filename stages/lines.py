"""Stage ``lines``: discards junk lines and cuts known phrases from short ones, then removes documents that lost much.

Lines of mostly uppercase letters, numbers only, a counter ("3 likes") or one word go as a whole; short lines lose
phrases such as "Read more..." at the end, where they stand alone. Phrases and counters are those of the document's
language. Each of these rules can be left out. Code, tables and formulas
stay as they are where an earlier stage marks them. What is cut is kept as evidence, so that it can be undone. The
paper's 5 % can be read as words removed or as words of flagged lines: rules apply to the first, both are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from refinery import (
    LANG,
    PROTECTED,
    STRUCTURE,
    TEXT,
    Asset,
    Docs,
    Edit,
    Edited,
    LanguageScope,
    Metric,
    Rule,
    threshold,
)
from refinery.kernels import KINDS, SPANS, LineRules, correct_lines
from refinery.stages._phrases import Phrases, digest, load, phrases_of
from refinery.stages._thresholds import LanguageTables
from refinery.stages._words import ABOUT_LINE_WORDS, SPACELESS, cuts, versions

Junk = Literal["uppercase", "numeric", "counter", "one_word"]
Place = Literal["start", "end", "anywhere"]
Whole = Literal["letters", "characters"]
LineWords = Literal["segmented", "whitespace"]
"""Phrases are of such words; tokens would put punctuation between them."""


class Lines(LanguageTables, Edit):
    """Take junk lines out of the text; keep documents that lose little by it.

    ``removed`` lists what was cut, by UTF-8 byte offset in the text before, so that the cut can be undone.
    """

    name: ClassVar = "lines"
    version: ClassVar = 7
    source: ClassVar = "RefinedWeb §3.2, G.2; https://arxiv.org/abs/2306.01116"
    uses: ClassVar = (PROTECTED.name, STRUCTURE.name, LANG.name)
    adds: ClassVar = (TEXT,)
    metrics: ClassVar = (
        Metric("removed_words", help="share of the words that were removed"),
        Metric("flagged_words", help="share of the words in lines that were discarded or cut"),
        Metric("uppercase_lines", pa.uint32(), "count", "lines", "discarded: letters mostly uppercase"),
        Metric("numeric_lines", pa.uint32(), "count", "lines", "discarded: digits and their separators only"),
        Metric("counter_lines", pa.uint32(), "count", "lines", "discarded: only counts likes, views or the like"),
        Metric("one_word_lines", pa.uint32(), "count", "lines", "discarded: a single word"),
        Metric("start_lines", pa.uint32(), "count", "lines", "a phrase was cut from the start"),
        Metric("end_lines", pa.uint32(), "count", "lines", "a phrase was cut from the end"),
        Metric("anywhere_lines", pa.uint32(), "count", "lines", "a phrase was cut from anywhere"),
    )
    evidence: ClassVar = (pa.field("removed", SPANS),)

    words: LineWords = Field("segmented", description=ABOUT_LINE_WORDS)
    max_removed: float = threshold(0.05, ge=0, le=1, description="share of its words that a document may lose")
    discard: tuple[Junk, ...] = Field(
        get_args(Junk), description="which lines go as a whole; a list of one_word and others, [] for none"
    )
    cut: tuple[Place, ...] = Field(get_args(Place), description="where phrases are cut from; [] for nowhere")
    max_uppercase: float = Field(0.5, ge=0, le=1, description="share of uppercase letters of a line")
    share_of: Whole = Field(
        "letters", description="what it is a share of; with characters, as in DCLM, lines of numbers have digits only"
    )
    short_line: int = Field(10, ge=0, description="words of the longest line that phrases are cut from")
    phrases: Literal["by_language"] | Asset = Field(
        "by_language",
        union_mode="left_to_right",
        description="phrases and counters: those of each document's language, or one file for all",
    )

    @field_validator("discard", "cut")
    @classmethod
    def _in_order(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        """As ``KINDS`` has them: the same rules are the same stage."""
        return tuple(kind for kind in KINDS if kind in given)

    def versions(self) -> dict[str, str]:
        """Return the versions of what defines letters, digits, punctuation and words, and of the files of phrases."""
        return {**versions(self.words), **({"phrases": digest()} if self.phrases == "by_language" else {})}

    def rules(self) -> tuple[Rule, ...]:
        """The 5 % rule."""
        return (Rule("too_much_removed", "removed_words", "Mostly what is not text.", at_most=self.max_removed),)

    def language_scopes(self) -> tuple[LanguageScope, ...]:
        """Phrases that are English, and lines of one word, which lies between spaces."""
        words = LanguageScope(
            "a line without a space is one word",
            "their lines are discarded as one_word lines",
            "set words: segmented, or leave one_word out of discard",
            but=SPACELESS,
        )
        phrases = LanguageScope(
            "its phrases are English",
            "buttons, menus and counters stay in their texts",
            "set phrases: by_language, or a file with theirs, written as stages/phrases/en.toml is",
            only=("en",),
        )
        spaced = self.words == "whitespace" and "one_word" in self.discard
        used = self.phrases == "lines.en" and (self.cut or "counter" in self.discard)
        return (*((words,) if spaced else ()), *((phrases,) if used else ()))

    def check_asset(self, name: str, asset: Asset) -> None:
        """Read the phrases."""
        del name
        load(asset)

    def edit(self, docs: Docs) -> Edited:
        """The corrected texts, and what was cut from them."""
        by_language = self.phrases == "by_language"
        keys = docs.languages() if by_language else pa.nulls(len(docs), pa.string())
        corrected = _in_groups(keys, (docs.column("text"), docs.protected(), cuts(docs, self.words)), self._correct)
        return Edited(
            {"text": corrected.column("text")}, {name: corrected.column(name) for name in self.metrics_type().names}
        )

    def _correct(
        self, language: str | None, texts: pa.Array, protected: pa.Array | None, cuts: pa.Array | None
    ) -> pa.RecordBatch:
        phrases = load(self.phrases) if isinstance(self.phrases, Asset) else phrases_of(language)
        kinds = frozenset((*self.discard, *self.cut))
        rules = _rules(
            phrases,
            self.max_uppercase,
            self.short_line,
            kinds,
            letters=self.share_of == "letters",
            segmented=self.words == "segmented",
        )
        return correct_lines(texts, rules, protected, cuts)


@lru_cache(maxsize=128)
def _rules(
    phrases: Phrases, max_uppercase: float, short_line: int, kinds: frozenset[str], *, letters: bool, segmented: bool
) -> LineRules:
    """Return the same object for the same parameters, which derives much from them."""
    return LineRules(
        **phrases.model_dump(),
        max_uppercase=max_uppercase,
        shares_of_letters=letters,
        short_line=short_line,
        kinds=kinds,
        segmented=segmented,
    )


def _in_groups(
    keys: pa.Array, columns: Sequence[pa.Array | None], process: Callable[..., pa.RecordBatch]
) -> pa.RecordBatch:
    """Return ``process(key, *columns)`` of the rows of each key, in the order of the rows."""
    distinct = keys.unique()
    if len(distinct) == 1:
        return process(distinct[0].as_py(), *columns)
    groups = pc.index_in(keys, distinct).to_numpy(zero_copy_only=False)
    order = np.argsort(groups, kind="stable")
    bounds = np.searchsorted(groups[order], np.arange(len(distinct) + 1))
    rows = (pa.array(order[start:end]) for start, end in pairwise(bounds))
    batches = [
        process(key, *(None if column is None else column.take(row) for column in columns))
        for key, row in zip(distinct.to_pylist(), rows, strict=True)
    ]
    return pa.concat_batches(batches).take(pa.array(np.argsort(order)))
