"""Gopher's rules (Rae et al. 2021, A.1 and table A1) in datatrove: GopherRepetitionFilter and GopherQualityFilter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.bench.parity import Difference, Judge, Row
from tools.bench.published._datatrove import DOTS, ENDS, LINES, NEEDS, is_comparable, removes

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
    ("short_words", "min_avg_word_length", ()),
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
    thresholds = {rule.id: _threshold(rule) for name in ("repetition", "quality") for rule in steps[name].rules()}
    for rule, field in PARTS.items():
        yield _repetition(rule, field, thresholds[rule], (ENDS,) if "line" in rule else ())
    for n in (2, 3, 4):
        yield _repetition(f"top_{n}_gram", "top_n_grams", ((n, thresholds[f"top_{n}_gram"]),))
    for n in (5, 6, 7, 8, 9, 10):
        yield _repetition(f"duplicate_{n}_gram", "dup_n_grams", ((n, thresholds[f"duplicate_{n}_gram"]),))
    for rule, field, differences in QUALITY:
        yield Row(
            "quality", rule, f"GopherQualityFilter, `{field}`", _quality(rule, field, thresholds[rule]), differences
        )


def _threshold(rule: Any) -> float:
    return float(rule.at_least if rule.at_most is None else rule.at_most)


def _repetition(rule: str, field: str, setting: Any, differences: tuple[Difference, ...] = ()) -> Row:
    from datatrove.pipeline.filters import GopherRepetitionFilter

    off: dict[str, Any] = {**dict.fromkeys(PARTS.values()), "top_n_grams": (), "dup_n_grams": ()}
    judge = removes(lambda language: GopherRepetitionFilter(**{**off, field: setting}, language=language))
    return Row("repetition", rule, f"GopherRepetitionFilter, `{field}`", judge, differences)


def _quality(rule: str, field: str, threshold: float) -> Judge:
    from datatrove.pipeline.filters import GopherQualityFilter

    fields = [name for name in GopherQualityFilter.__init__.__annotations__ if name.startswith(("min_", "max_"))]
    judge = removes(
        lambda language: GopherQualityFilter(**{**dict.fromkeys(fields), field: threshold}, language=language)
    )
    # One threshold for both marks: the other one is taken out of what datatrove sees, one character for another.
    other = {"hashes": ("…", "..."), "ellipses": ("#",)}.get(rule, ())
    return lambda text, language: judge(_without(text, other), language)


def _without(text: str, marks: tuple[str, ...]) -> str:
    for mark in marks:
        text = text.replace(mark, "," * len(mark))
    return text
