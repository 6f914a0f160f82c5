"""Stage ``lines``: discards junk lines and cuts known phrases from short ones, then removes documents that lost much.

Lines of mostly uppercase letters, numbers only, a counter ("3 likes") or one word go as a whole; short lines lose
phrases such as "Read more..." at the end, where they stand alone. Each of these rules can be left out. Code and tables
stay as they are where an earlier stage marks them. What is cut is kept as evidence, so that it can be undone. The
paper's 5 % can be read as words removed or as words of flagged lines: rules apply to the first, both are measured.
"""

from __future__ import annotations

import tomllib
from typing import ClassVar, Literal, get_args

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from refinery import (
    PROTECTED,
    TEXT,
    Asset,
    AssetError,
    ByLanguage,
    Docs,
    Edit,
    Edited,
    LanguageScope,
    Metric,
    Rule,
    threshold,
)
from refinery.kernels import KINDS, SPANS, UNICODE, LineRules, correct_lines
from stages._scripts import SPACELESS

Junk = Literal["uppercase", "numeric", "counter", "one_word"]
Place = Literal["start", "end", "anywhere"]


class Phrases(BaseModel):
    """The fields of a phrase file; ``lines.toml`` explains them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: tuple[str, ...] = ()
    end: tuple[str, ...] = ()
    anywhere: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()


class Lines(ByLanguage, Edit):
    """Take junk lines out of the text; keep documents that lose little by it.

    ``removed`` lists what was cut, by UTF-8 byte offset in the text before, so that the cut can be undone.
    """

    name: ClassVar = "lines"
    version: ClassVar = 3
    source: ClassVar = "RefinedWeb §3.2, G.2; https://arxiv.org/abs/2306.01116"
    uses: ClassVar = (PROTECTED.name,)
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

    max_removed: float = threshold(0.05, ge=0, le=1, description="share of its words that a document may lose")
    discard: tuple[Junk, ...] = Field(
        get_args(Junk), description="which lines go as a whole; a list of one_word and others, [] for none"
    )
    cut: tuple[Place, ...] = Field(get_args(Place), description="where phrases are cut from; [] for nowhere")
    max_uppercase: float = Field(0.5, ge=0, le=1, description="share of uppercase among the letters of a line")
    short_line: int = Field(10, ge=0, description="words of the longest line that phrases are cut from")
    phrases: Asset = Field(Asset("lines.en"), description="phrases and counted nouns")

    @field_validator("discard", "cut")
    @classmethod
    def _in_order(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        """As ``KINDS`` has them: the same rules are the same stage."""
        return tuple(kind for kind in KINDS if kind in given)

    def versions(self) -> dict[str, str]:
        """The Unicode tables that decide what is a letter, a digit or punctuation."""
        return {"unicode": UNICODE}

    def rules(self) -> tuple[Rule, ...]:
        """The 5 % rule."""
        return (Rule("too_much_removed", "removed_words", "Mostly what is not text.", at_most=self.max_removed),)

    def language_scopes(self) -> tuple[LanguageScope, ...]:
        """Phrases that are English, and lines of one word, which lies between spaces."""
        words = LanguageScope(
            "a line without a space is one word",
            "their lines are discarded as one_word lines",
            "leave one_word out of discard",
            but=SPACELESS,
        )
        phrases = LanguageScope(
            "its phrases are English",
            "buttons, menus and counters stay in their texts",
            "set phrases to a file with theirs, written as stages/lines.toml is",
            only=("en",),
        )
        english = self.phrases == type(self).model_fields["phrases"].default and (self.cut or "counter" in self.discard)
        return (*((words,) if "one_word" in self.discard else ()), *((phrases,) if english else ()))

    def check_asset(self, name: str, asset: Asset) -> None:
        """Read the phrases."""
        del name
        load(asset)

    def edit(self, docs: Docs) -> Edited:
        """The corrected texts, and what was cut from them."""
        phrases = load(self.phrases).model_dump()
        kinds = frozenset((*self.discard, *self.cut))
        rules = LineRules(**phrases, max_uppercase=self.max_uppercase, short_line=self.short_line, kinds=kinds)
        protected = docs.column(PROTECTED.name) if PROTECTED.name in docs.schema.names else None
        corrected = correct_lines(docs.column("text"), rules, protected)
        return Edited(
            {"text": corrected.column("text")}, {name: corrected.column(name) for name in self.metrics_type().names}
        )


def load(asset: Asset) -> Phrases:
    """The phrases of a file. Raises AssetError where it is missing or malformed."""
    path = asset.path()
    with open(path, "rb") as stream:
        try:
            return Phrases.model_validate(tomllib.load(stream))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
            raise AssetError(
                f"{path} is no file of phrases: {error}", hint="compare it with stages/lines.toml"
            ) from error
