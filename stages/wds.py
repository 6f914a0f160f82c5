"""Stage ``wds``: HPLT's score of documents (web-docs-scorer, WDS), 0 to 10; HPLT v3 keeps those with at least 5.

A segment is a line. Its length is in letters: characters that are no digits, punctuation, spaces, or singular ones
(signs, emoji, modifiers). Lines of at most 25 letters, such as menus, are not identified and not counted. Of the
others, ``language`` is the share of letters in the document's language, ``long_segments`` a tenth of the number with
over 250 letters in that language, at most 1, ``superlong_segments`` the mean length of those with over 625, on a
scale from 250 to 1,000, ``urls`` falls with the number of "www" or "http" by line, and ``repeated`` with the share
that occurred before. ``punctuation``, ``singular_chars`` and ``numbers`` depend on such characters by letter. 1 is
best everywhere. The score is 8 language + long_segments + superlong_segments, times the product of the two lowest of
the other five, times the mean of the three that remain.

These limits suit Spanish. In another language, shares are multiplied by the median of Spanish and divided by its own,
and lengths the other way round, by the median of punctuation. The table of medians is part of WDS's code, which is
GPL-3.0: ``medians`` is the path of its medians_language.csv. Without it, languages have the medians that the
documentation states, and all others those of Spanish. Decision note 080 has what is not known, and in what WDS's code
differs.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from refinery import LANG, Asset, AssetError, Docs, Filter, LanguageScope, Metric, Rule, Values, threshold
from refinery.stages._codes import language_of
from refinery.stages._identification import OWN, are_close, identified, languages_of, model_languages
from refinery.stages._lines import per_text, repeated, shares, split_lines
from refinery.stages._thresholds import LanguageTables

NUMBERS = """30-39 660-669 6F0-6F9 964-96F 9F2-9F9 B66-B77 BE6-BFA C66-C6F C78-C7E CE6-CEF D66-D79 DE6-DEF E50-E5B
EC0-ED9 1040-1049 1090-1099 1369-137C 17E0-17E9 1810-1819 19D0-19DA 1A80-1A99 1B50-1B59 1C40-1C49 1C50-1C59 A830-A839
A8D0-A8D9 AA50-AA59"""
PUNCTUATION = """21-22 27-29 2C-2E 3A-3B 3F 5B 5D 60 A1 B4-B5 B7 BF 589-5C7 600-61F 66A-66D 6D4-6ED 700-70F 1360-1368
1800-180A 1AB0-1AFF 1C78-1C7F 1CC0-1CC7 1FBD-1FC1 1FCD-1FCF 1FDD-1FDF 1FED-1FEF 1FFD-2027 3000-303F 4DC0-4DFF A6F0-A6F7
FE10-FE6F"""
SINGULAR = """23-26 2A-2B 2F 3C-3E 40 5C 7C 7E A2-B3 B8-BE D7 F7 2B0-385 483-489 559-55F 2010-2E52 10000-1FFFF A670-A67F
3200-33FF"""
SPACES = "0-20 7F-A0 2B7E"
KINDS = {"numbers": NUMBERS, "punctuation": PUNCTUATION, "singular_chars": SINGULAR, "spaces": SPACES}
"""Code points of the kinds of characters, in hexadecimal digits. Dashes and quotation marks are of two kinds."""
CODES = 0x20000
"""All larger code points are letters."""

SHORT, LONG, LONGEST = 25, 250, 1000
"""Letters of short lines at most, of long lines at least, and of the longest that make a difference."""
LIMITS = {
    "numbers": ((1, 10, 15, 30), (1, 0.7, 0.5, 0)),
    "punctuation": ((0.3, 0.5, 0.9, 2.5, 9, 13, 25), (0, 0.5, 1, 1, 0.7, 0.5, 0)),
    "singular_chars": ((1, 2, 6, 10), (1, 0.7, 0.5, 0)),
    "urls": ((5, 30, 100), (1, 0.5, 0)),
}
"""Percentages, and the subscores they have; linear between them."""

SPANISH = "es"
DOCUMENTED = {
    "punctuation": {SPANISH: 2.4, "de": 2.8, "en": 2.59, "it": 1.99, "ja": 6.5, "ko": 7.3, "ru": 3.2, "zh": 9.9},
    "numbers": {SPANISH: 1.0},
    "singular_chars": {SPANISH: 0.8},
}
"""Medians of the documentation, in percent, those of English and Italian by their limits of long lines. Of numbers it
states none; a median without others has no effect."""

Numbers = npt.NDArray[np.float64]


class Wds(LanguageTables, Filter):
    """Keep documents of long lines in one language, with few signs, digits, addresses and repeats."""

    name: ClassVar = "wds"
    version: ClassVar = 1
    source: ClassVar = "web-docs-scorer, https://github.com/pablop16n/web-docs-scorer; https://arxiv.org/abs/2511.01066"
    uses: ClassVar = (LANG.name,)
    depends: ClassVar = ("fasttext-predict",)
    metrics: ClassVar = (
        Metric("score", scale="count", help="the document's score, 0 to 10, to one decimal"),
        Metric("language", help="share of letters in the document's language, in lines that are not short"),
        Metric("urls", help="1 for at most 5 addresses in 100 lines that are not short, 0 for 100"),
        Metric("punctuation", help="1 for a usual share of punctuation, 0 for hardly any and for very much"),
        Metric("singular_chars", help="1 for few signs and emoji, 0 for many"),
        Metric("numbers", help="1 for few digits, 0 for many"),
        Metric("repeated", help="share of lines that did not occur before, of those that are not short"),
        Metric("long_segments", help="a tenth of the number of long lines, at most 1"),
        Metric("superlong_segments", help="mean length of very long lines, on a scale; 0 without any"),
    )

    min: float = threshold(5.0, ge=0, le=10, description="lowest score")
    medians: Asset | None = Field(None, description="medians_language.csv of WDS: a path; null: documented medians")
    model: Asset = Field(Asset(OWN), description="fastText model, as of the stage language")

    def language_scopes(self) -> tuple[LanguageScope, ...]:
        """Languages without a median."""
        found = LanguageScope(
            "it has the medians of few languages",
            "limits are those of Spanish in them",
            "set medians to the path of WDS's medians_language.csv",
            only=tuple(DOCUMENTED["punctuation"]),
        )
        return () if self.medians else (found,)

    def check_asset(self, name: str, asset: Asset) -> None:
        """Load the model, or read the medians."""
        if name == "medians":
            _medians(asset.path())
        else:
            identified(pa.array(["a text"]), asset)

    def rules(self) -> tuple[Rule, ...]:
        """The lowest score."""
        return (Rule("too_low", "score", "Mostly no running text in one language.", at_least=self.min),)

    def measure(self, docs: Docs) -> Values:
        """The score, and what it is made from."""
        medians = _medians(self.medians.path()) if self.medians else DOCUMENTED
        languages = docs.languages().to_pylist()
        scales = {kind: _scales(of_kind, languages) for kind, of_kind in medians.items()}
        lines = _lines(docs)
        found = self._lengths(docs, lines, scales["punctuation"]) | self._characters(docs, lines, scales)
        good = 8 * found["language"] + found["long_segments"] + found["superlong_segments"]
        penalties = np.sort([found[kind] for kind in (*LIMITS, "repeated")], axis=0)
        score = good * penalties[0] * penalties[1] * penalties[2:].mean(axis=0)
        return {"score": np.round(score, 1), **{metric.name: found[metric.name] for metric in self.metrics[1:]}}

    def _characters(self, docs: Docs, lines: _Segments, scales: dict[str, Numbers]) -> dict[str, Numbers]:
        """Return the subscores of kinds of characters; 0 for a text without letters."""
        letters = per_text(lines.parents, len(docs), lines.letters)
        found = {}
        for kind, scale in scales.items():
            share = 100 * shares(per_text(lines.parents, len(docs), lines.counts[kind]), letters)
            found[kind] = np.where(letters > 0, np.interp(share / scale, *LIMITS[kind]), 0)
        return found

    def _lengths(self, docs: Docs, lines: _Segments, scale: Numbers) -> dict[str, Numbers]:
        """Return the subscores of lines: of those that are not short, or of the long ones among them."""
        lengths = lines.letters * scale[lines.parents]
        rows = np.flatnonzero(lengths > SHORT)
        lines, lengths = lines.take(rows), lengths[rows]

        def count(weights: npt.NDArray[np.generic] | None = None) -> Numbers:
            return per_text(lines.parents, len(docs), weights).astype(np.float64)

        right = self._right(docs, lines)
        sizes = (np.minimum(lengths, LONGEST) - LONG) / (LONGEST - LONG) * right
        is_superlong = sizes > 1 / 2
        texts = pc.fill_null(docs.column("text"), "")
        urls = np.maximum(*(pc.count_substring(texts, word).to_numpy() for word in ("www", "http")))
        return {
            "language": shares(count(lines.letters * right), count(lines.letters)),
            "urls": np.interp(100 * shares(urls, count()), *LIMITS["urls"]),
            "repeated": 1 - shares(count(repeated(lines.texts, lines.parents)), count()),
            "long_segments": np.minimum(count(sizes > 0) / 10, 1),
            "superlong_segments": shares(count(sizes * is_superlong), count(is_superlong)),
        }

    def _right(self, docs: Docs, lines: _Segments) -> npt.NDArray[np.bool_]:
        """Return True for lines in the language of the document, or one close to it, or if the model lacks it."""
        known = model_languages(self.model)
        found = languages_of(identified(lines.texts, self.model)[0]).to_pylist()
        mains = docs.languages().take(pa.array(lines.parents)).to_pylist()
        pairs = zip(found, mains, strict=True)
        return np.array([main not in known or are_close(code, main) for code, main in pairs], np.bool_)


@dataclass(frozen=True)
class _Segments:
    """All lines of a batch: the number of the text of each, its letters, and its other characters by kind."""

    texts: pa.StringArray
    parents: npt.NDArray[np.int64]
    letters: npt.NDArray[np.int64]
    counts: dict[str, npt.NDArray[np.int64]]

    def take(self, rows: npt.NDArray[np.int64]) -> _Segments:
        """Return some of the lines."""
        counts = {kind: count[rows] for kind, count in self.counts.items()}
        return _Segments(self.texts.take(pa.array(rows)), self.parents[rows], self.letters[rows], counts)


def _lines(docs: Docs) -> _Segments:
    texts, parents = split_lines(docs.column("text"))
    ends = np.cumsum(pc.utf8_length(texts).to_numpy())
    codes = np.frombuffer("".join(texts.to_pylist()).encode("utf-32-le"), np.uint32)
    kinds = _table()[np.minimum(codes, CODES)]

    def count(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        return np.diff(np.searchsorted(np.flatnonzero(flags), ends), prepend=0)

    counts = {kind: count(kinds & 1 << bit != 0) for bit, kind in enumerate(KINDS)}
    return _Segments(texts, parents.astype(np.int64), count(kinds == 0), counts)


@cache
def _table() -> npt.NDArray[np.uint8]:
    """Return the kinds of code points as bits, none for letters."""
    table = np.zeros(CODES + 1, np.uint8)
    for bit, ranges in enumerate(KINDS.values()):
        for first, _, last in (each.partition("-") for each in ranges.split()):
            table[int(first, 16) : int(last or first, 16) + 1] |= 1 << bit
    return table


def _scales(medians: dict[str, float], languages: list[str | None]) -> Numbers:
    """Return the medians of languages as multiples of that of Spanish."""
    reference = medians[SPANISH]
    return np.array([medians.get(language or SPANISH, reference) / reference for language in languages], np.float64)


@cache
def _medians(path: str) -> dict[str, dict[str, float]]:
    """Return medians by kind and language from a file of WDS; of a language in two scripts the first one's, none of 0.

    Raises AssetError where it is none.
    """
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            rows = {language_of(row["language_3_chars"]): row for row in reversed(list(csv.DictReader(stream)))}
        found = {
            kind: {code: median for code, row in rows.items() if (median := float(row[f"{kind}_score"])) > 0}
            for kind in DOCUMENTED
        }
    except (KeyError, TypeError, ValueError) as error:
        raise AssetError(f"{path}: {error!r}", hint="name the file medians_language.csv of web-docs-scorer") from error
    if any(SPANISH not in of_kind for of_kind in found.values()):
        raise AssetError(f"{path}: it lacks a median of Spanish", hint="add a row of spa")
    return found
