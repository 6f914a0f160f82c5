"""Rules of C4 and FineWeb in datatrove: C4QualityFilter and FineWebQualityFilter, one rule at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from refinery import Rule
from tools.bench.parity import Difference, Judge, Row
from tools.bench.published._datatrove import document, removes, threshold_in

SEPARATORS = Difference("the separators between lines stay as they are", lambda text: "\n".join(text.splitlines()))

DISCARDED = {
    "no_punctuation": "filter_no_terminal_punct",
    "javascript": "filter_javascript",
    "policy": "filter_policy",
}
REMOVED = {"lorem_ipsum": "filter_lorem_ipsum", "curly_bracket": "filter_curly_bracket"}
FINEWEB = {
    "line_punct": "line_punct_thr",
    "short_lines": "short_line_thr",
    "char_dup": "char_duplicates_ratio",
    "list_ratio": "new_line_ratio",
}
NEVER = 1e9


def c4_rows(steps: dict[str, Any]) -> Iterator[Row]:
    """Yield the text that the rules for lines leave, and the rules for documents, each alone."""
    from datatrove.pipeline.filters import C4QualityFilter

    stage = steps["c4"]
    lines: dict[str, Any] = {field: kind in stage.discard for kind, field in DISCARDED.items()}
    lines |= dict.fromkeys(REMOVED.values(), False)
    lines |= {
        "min_words_per_line": stage.min_words if "few_words" in stage.discard else -1,
        "max_word_length": stage.max_word if "long_word" in stage.discard else -1,
        "remove_citations": stage.citations,
        "min_num_sentences": -1,
    }

    def judge(**fields: Any) -> Judge:
        return removes(_in_language(C4QualityFilter, {**lines, **fields}))

    yield Row("c4", "text", "C4QualityFilter, the text", _left(lines), (SEPARATORS,))
    for rule, field in REMOVED.items():
        if rule in stage.remove:
            yield Row("c4", rule, f"C4QualityFilter, `{field}`", judge(**{field: True}))
    least = stage.min_sentences
    judged = judge(min_num_sentences=least)
    yield Row("c4", "few_sentences", "C4QualityFilter, `min_num_sentences`", judged, (SEPARATORS,))


def fineweb_rows(steps: dict[str, Any]) -> Iterator[Row]:
    """Yield FineWeb's own rules, each alone."""
    from datatrove.pipeline.filters import FineWebQualityFilter

    off: dict[str, Any] = {**dict.fromkeys(FINEWEB.values(), NEVER), "line_punct_thr": 0}
    for rule in steps["fineweb"].applied_rules():
        if rule.id in FINEWEB:
            judge = removes(_alone(FineWebQualityFilter, rule, off))
            yield Row("fineweb", rule.id, f"FineWebQualityFilter, `{FINEWEB[rule.id]}`", judge)


def _alone(make: Callable[..., Any], rule: Rule, off: dict[str, Any]) -> Callable[[str], Any]:
    return lambda code: make(**{**off, FINEWEB[rule.id]: threshold_in(rule, code)}, language=code)


def _in_language(make: Callable[..., Any], fields: dict[str, Any]) -> Callable[[str], Any]:
    return lambda language: make(**fields, language=language)


def _left(fields: dict[str, Any]) -> Judge:
    def judge(text: str, language: str) -> str:
        from datatrove.pipeline.filters import C4QualityFilter

        given = document(text)
        C4QualityFilter(**fields, language=language).filter(given)
        return str(given.text)

    return judge
