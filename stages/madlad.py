"""Stage ``madlad``: removes documents of which many sentences are questionable, by the rules of MADLAD-400.

A sentence is questionable in another language than its document; as a list of names (at least 12 tokens, over half of
which begin with a capital letter); if it is shorter than 20 or longer than 500 characters; if over 20 % of its
characters are digits or one of ``{}+/()>``; or if it has one of 32 patterns, such as "ownload" or text with a space
between all letters. Documents of fewer than 5 sentences, or with over 20 % of questionable ones, are removed.

Neither the paper nor the card states what ends a sentence, or what a token is. Here sentences end as for ``c4``, at
punctuation and at newlines, have no white space at their ends, and tokens lie between white space. datamap-rs (OLMo 3)
divides at white space after ".", "!" or "?" only, counts words of UAX #29 and bytes, compares all patterns but the last
four as plain text, and removes by list case and patterns alone. MADLAD-400 identified the languages of sentences by an
own model that is not published; others are less sure of short sentences, hence ``min_score``. Its corrections for
Burmese and its words for Chinese are not part of this stage.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from refinery import LANG, Asset, Docs, Filter, LanguageScope, Metric, Rule, Values, threshold
from refinery.stages._cursed import are_cursed
from refinery.stages._identification import OWN, are_close, identified, languages_of, model_languages
from refinery.stages._lines import BLANKS, per_text, pieces, shares
from refinery.stages._sentences import ends_of
from refinery.stages._thresholds import LanguageTables
from refinery.stages._words import versions

Kind = Literal["language", "list_case", "length", "technical", "cursed"]

IDEOGRAPHIC = ("ja", "wuu", "yue", "zh")
TOKENS, CAPITALS, TECHNICAL_SHARE = 12, 0.5, 0.2
TECHNICAL = "0123456789{}+/()>"
CODES = 0x20000
"""No capital letter and no white space has a larger code point."""
SPACE, CAPITAL, TECHNICAL_CHARACTER = 1, 2, 4

Flags = npt.NDArray[np.bool_]


class Madlad(LanguageTables, Filter):
    """Keep documents of which most sentences are unquestionable."""

    name: ClassVar = "madlad"
    version: ClassVar = 1
    source: ClassVar = "Kudugunta et al. 2023, §2.3; https://arxiv.org/abs/2309.04662"
    uses: ClassVar = (LANG.name,)
    depends: ClassVar = ("fasttext-predict",)
    metrics: ClassVar = (
        Metric("sentences", pa.uint32(), "count", "sentences", "sentences of the text"),
        Metric("language", help="share of sentences in another language; null if that does not count"),
        Metric("list_case", help="share of sentences that are lists of names"),
        Metric("length", help="share of sentences that are very short or very long"),
        Metric("technical", help="share of sentences with many digits and brackets"),
        Metric("cursed", help="share of sentences with one of the patterns"),
        Metric("questionable", help="share of sentences with one of the reasons that count"),
    )

    questionable: tuple[Kind, ...] = Field(get_args(Kind), description="the reasons that count; a list of these")
    min_sentences: int = threshold(5, ge=0, description="fewest sentences of a document")
    max_questionable: float = threshold(0.2, ge=0, le=1, description="largest share of questionable sentences")
    min_characters: int = Field(20, ge=0, description="characters of the shortest sentence")
    max_characters: int = Field(500, ge=0, description="characters of the longest sentence")
    min_score: float = Field(0.8, ge=0, le=1, description="least probability of another language")
    model: Asset = Field(Asset(OWN), description="fastText model, as of the stage language")

    @field_validator("questionable")
    @classmethod
    def _in_order(cls, given: tuple[Kind, ...]) -> tuple[Kind, ...]:
        """Return the kinds in the order of the paper, for it has no meaning in a recipe."""
        return tuple(kind for kind in get_args(Kind) if kind in given)

    def language_scopes(self) -> tuple[LanguageScope, ...]:
        """Lengths that are those of alphabets."""
        found = LanguageScope(
            "its lengths are of sentences in letters",
            "sentences of fewer characters are questionable in them, too",
            "leave length out of questionable, or set min_characters to 6",
            but=IDEOGRAPHIC,
        )
        return (found,) if "length" in self.questionable and self.min_characters > len("六个字的句子") else ()

    def versions(self) -> dict[str, str]:
        """Return the versions of what defines words, which sentences end with."""
        return versions("segmented")

    def check_asset(self, name: str, asset: Asset) -> None:
        """Load the model."""
        del name
        identified(pa.array(["a text"]), asset)

    def rules(self) -> tuple[Rule, ...]:
        """Sentences first: of few of them, shares mean little."""
        most = self.max_questionable
        return (
            Rule("few_sentences", "sentences", "No text of sentences.", at_least=self.min_sentences),
            Rule("questionable_sentences", "questionable", "Lists, codes and templates.", at_most=most),
        )

    def measure(self, docs: Docs) -> Values:
        """The number of sentences, and the shares of questionable ones by reason and together."""
        sentences = _sentences(docs)
        counts = per_text(sentences.parents, len(docs))
        found = self._reasons(docs, sentences)
        any_reason = np.logical_or.reduce([found[kind] for kind in self.questionable] or [found["cursed"] & False])

        def share(flags: Flags) -> pa.DoubleArray:
            return pa.array(shares(per_text(sentences.parents, len(docs), flags), counts))

        measured: dict[str, pa.Array] = {kind: share(flags) for kind, flags in found.items()}
        if "language" not in self.questionable:
            measured["language"] = pa.nulls(len(docs), pa.float64())
        return {"sentences": pa.array(counts.astype(np.uint32)), **measured, "questionable": share(any_reason)}

    def highlights(self, text: str, metric: str) -> Iterable[tuple[int, int]]:
        """Return the questionable sentences; of another language none, since one text alone has no language."""
        docs = Docs(pa.record_batch([pa.array([text])], names=["text"]))
        sentences = _sentences(docs)
        found = self._reasons(docs, sentences)
        wanted = self.questionable if metric == "questionable" else [kind for kind in found if kind == metric]
        at = 0
        for number, sentence in enumerate(sentences.texts.to_pylist()):
            at = text.index(sentence, at)
            if any(found[kind][number] for kind in wanted):
                yield at, at + len(sentence)
            at += len(sentence)

    def _reasons(self, docs: Docs, sentences: _Sentences) -> dict[Kind, Flags]:
        """Return the sentences of each reason; those in another language only if that counts."""
        lengths, codes, starts = sentences.lengths, sentences.codes, sentences.starts
        flags = _table()[np.minimum(codes, CODES)]
        spaces = flags & SPACE != 0
        begins = ~spaces
        begins[1:] &= spaces[:-1]
        begins[starts] = True  # no sentence begins with white space

        def count(each: Flags) -> npt.NDArray[np.int64]:
            return np.diff(np.searchsorted(np.flatnonzero(each), np.append(starts, len(each))))

        tokens, capitals = count(begins), count(begins & (flags & CAPITAL != 0))
        return {
            "language": self._foreign(docs, sentences),
            "list_case": (tokens >= TOKENS) & (capitals > CAPITALS * tokens),
            "length": (lengths < self.min_characters) | (lengths > self.max_characters),
            "technical": count(flags & TECHNICAL_CHARACTER != 0) > TECHNICAL_SHARE * lengths,
            "cursed": are_cursed(sentences.texts, codes, starts),
        }

    def _foreign(self, docs: Docs, sentences: _Sentences) -> Flags:
        """Return True for sentences in another language than the document, unless the two are close."""
        found = np.zeros(len(sentences.texts), np.bool_)
        if "language" not in self.questionable:
            return found
        mains = docs.languages().take(pa.array(sentences.parents))
        known = pc.is_in(mains, pa.array(sorted(model_languages(self.model)))).to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(known)
        labels, scores, _ = identified(sentences.texts.take(pa.array(rows)), self.model)
        pairs = zip(languages_of(labels).to_pylist(), mains.take(pa.array(rows)).to_pylist(), strict=True)
        found[rows] = [not are_close(*pair) for pair in pairs]
        found[rows] &= scores.to_numpy() >= self.min_score
        return found


@dataclass(frozen=True)
class _Sentences:
    """All sentences of a batch, one after the other, without white space at their ends."""

    texts: pa.StringArray
    parents: npt.NDArray[np.int64]
    """The number of the text of each."""
    codes: npt.NDArray[np.uint32]
    """Code points of all of them."""
    lengths: npt.NDArray[np.int64]

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        """Return where each begins in ``codes``."""
        found: npt.NDArray[np.int64] = np.cumsum(self.lengths) - self.lengths
        return found


def _sentences(docs: Docs) -> _Sentences:
    ends = ends_of(docs, "segmented", lines=True)
    texts = pc.utf8_trim(pieces(pc.fill_null(docs.column("text"), ""), ends), BLANKS)
    codes = np.frombuffer("".join(texts.to_pylist()).encode("utf-32-le"), np.uint32)
    parents = pc.list_parent_indices(ends).to_numpy().astype(np.int64)
    return _Sentences(texts, parents, codes, pc.utf8_length(texts).to_numpy().astype(np.int64))


@cache
def _table() -> npt.NDArray[np.uint8]:
    """Return what code points are, the last entry for those from ``CODES`` on."""
    table = np.zeros(CODES + 1, np.uint8)
    for code, character in enumerate(map(chr, range(CODES))):
        table[code] = SPACE * character.isspace() + CAPITAL * character.isupper()
    for character in TECHNICAL:
        table[ord(character)] |= TECHNICAL_CHARACTER
    return table
