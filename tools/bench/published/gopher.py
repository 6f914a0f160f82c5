"""Gopher's rules (Rae et al. 2021, A.1 and table A1) in datatrove: GopherRepetitionFilter and GopherQualityFilter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from refinery import Rule
from refinery.stages._languages import common_words
from tools.bench.parity import Difference, Judge, Row
from tools.bench.published._datatrove import (
    DOTS,
    ENDS,
    JOINED,
    LINES,
    LONG,
    NEEDS,
    NO_WORDS,
    is_comparable,
    removes,
    threshold_in,
)

__all__ = ["NEEDS", "is_comparable", "rows"]

PARTS = {
    "duplicate_paragraphs": "dup_para_frac",
    "duplicate_paragraph_characters": "dup_para_char_frac",
    "duplicate_lines": "dup_line_frac",
    "duplicate_line_characters": "dup_line_char_frac",
}
QUALITY: tuple[tuple[str, str, tuple[Difference, ...]], ...] = (
    ("too_few_words", "min_doc_words", ()),
    ("too_many_words", "max_doc_words", ()),
    ("short_words", "min_avg_word_length", (NO_WORDS,)),
    ("long_words", "max_avg_word_length", ()),
    ("hashes", "max_symbol_word_ratio", ()),
    ("ellipses", "max_symbol_word_ratio", (DOTS,)),
    ("bullets", "max_bullet_lines_ratio", (LINES,)),
    ("clipped_lines", "max_ellipsis_lines_ratio", (LINES,)),
    ("few_letters", "max_non_alpha_words_ratio", ()),
    ("few_stop_words", "min_stop_words", ()),
)


def rows(steps: dict[str, Any]) -> Iterator[Row]:
    """Yield the rules of both filters at the thresholds of the steps."""
    rules = {rule.id: rule for name in ("repetition", "quality") for rule in steps[name].applied_rules()}
    for rule, field in PARTS.items():
        yield _repetition(rules[rule], field, None, (ENDS,) if "line" in rule else ())
    for n in (2, 3, 4):
        yield _repetition(rules[f"top_{n}_gram"], "top_n_grams", n, (LONG,))
    for n in (5, 6, 7, 8, 9, 10):
        yield _repetition(rules[f"duplicate_{n}_gram"], "dup_n_grams", n, (LONG, JOINED))
    lists = common_words(steps["quality"].common) if steps["quality"].common else {}
    for rule, field, differences in QUALITY:
        judge = _quality(rules[rule], field, lists)
        yield Row("quality", rule, f"GopherQualityFilter, `{field}`", judge, differences)


def _repetition(rule: Rule, field: str, n: int | None, differences: tuple[Difference, ...] = ()) -> Row:
    from datatrove.pipeline.filters import GopherRepetitionFilter

    off: dict[str, Any] = {**dict.fromkeys(PARTS.values()), "top_n_grams": (), "dup_n_grams": ()}

    def make(language: str) -> Any:
        threshold = threshold_in(rule, language)
        setting = threshold if n is None else ((n, threshold),)
        return GopherRepetitionFilter(**{**off, field: setting}, language=language)

    return Row("repetition", rule.id, f"GopherRepetitionFilter, `{field}`", removes(make), differences)


def _quality(rule: Rule, field: str, stop_words: Mapping[str, Iterable[str]]) -> Judge:
    from datatrove.pipeline.filters import GopherQualityFilter

    names = [name for name in GopherQualityFilter.__init__.__annotations__ if name.startswith(("min_", "max_"))]

    def make(language: str) -> Any:
        fields = {**dict.fromkeys(names), field: threshold_in(rule, language)}
        return GopherQualityFilter(**fields, stop_words=stop_words.get(language), language=language)

    judge = removes(make)
    # One threshold for both marks: the other one is taken out of what datatrove sees, one character for another.
    other = {"hashes": ("…", "..."), "ellipses": ("#",)}.get(rule.id, ())
    return lambda text, language: judge(_without(text, other), language)


def _without(text: str, marks: tuple[str, ...]) -> str:
    for mark in marks:
        text = text.replace(mark, "," * len(mark))
    return text
