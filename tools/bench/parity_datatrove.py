"""Repetition and quality against datatrove's own filters on real texts: values, verdicts, and why they differ.

usage: python tools/bench/parity_datatrove.py [--texts N]

Needs datatrove (``pip install datatrove``) and the corpus of real pages beside the checkout; skips without them. The
words of datatrove's filters are made those between white space; all else is theirs. They give no values, so a value is
found by moving the threshold: a filter with one rule keeps a text at the value and removes it just below. Where the two
differ, the text is brought into a form in which the known difference of definition cannot show, and measured again: a
difference that is still there is unexplained, and the script fails. The last line is JSON.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import math
import re
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from refinery import Docs, Rule
from refinery.kernels.reference.text import BULLETS, bare
from stages.quality import Quality
from stages.repetition import Repetition

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "pages" / "truth.jsonl.gz"
SMALLEST = math.nextafter(0.0, 1.0)
NO_NEWLINE_BREAKS = dict.fromkeys(map(ord, "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), " ")
OTHER_BULLETS = dict.fromkeys(map(ord, set(BULLETS) - {"•", "-"}), "x")
SPACED_ELLIPSIS = re.compile(r"\.(?: \.)+")

Threshold = Callable[[float], Any]
Form = Callable[[str], str]


@dataclass(frozen=True)
class Comparison:
    """A rule of ours and what it is in datatrove: a filter with that rule alone, given its threshold."""

    rule: Rule
    alone: Threshold
    neutral: Form | None = None
    """The text in a form in which both must agree, where definitions differ."""
    reason: str = "same definition"
    counts: bool = False
    """The value is a whole number."""

    def removes(self, text: str, threshold: float) -> bool:
        """Whether datatrove removes the text at a threshold."""
        return self.alone(threshold).filter(document(text)) is not True

    @property
    def threshold(self) -> float:
        threshold = self.rule.at_least if self.rule.at_most is None else self.rule.at_most
        return float(threshold or 0)

    def agrees(self, text: str, value: float | None) -> bool:
        """Whether datatrove's value is ``value``, by thresholds at it and just beyond."""
        value = value or 0.0
        inside, outside = self._thresholds(value)
        return not self.removes(text, inside) and (outside is None or self.removes(text, outside))

    def _thresholds(self, value: float) -> tuple[float, float | None]:
        # A threshold of 0 turns a rule of datatrove off.
        if self.rule.at_least is not None:
            return (value or -1.0), (value + 1 if self.counts else math.nextafter(value, math.inf))
        if self.counts:
            return value or 0.5, value - 1 if value > 1 else 0.5 if value else None
        return (value, math.nextafter(value, 0) or None) if value > SMALLEST else (SMALLEST, None)

    def value(self, text: str) -> float:
        """Datatrove's value, by bisection of the bits of the threshold."""
        low, high = 0, _bits(1e9)
        while low < high:
            middle = (low + high) // 2
            beyond = self.removes(text, _double(middle + 1))
            if beyond == (self.rule.at_most is not None):
                low = middle + 1
            else:
                high = middle
        return _double(low)


def _bits(value: float) -> int:
    return int.from_bytes(struct.pack(">d", value), "big")


def _double(bits: int) -> float:
    return float(struct.unpack(">d", bits.to_bytes(8, "big"))[0])


def document(text: str) -> Any:
    """The text as a document of datatrove."""
    from datatrove.data import Document

    return Document(text=text, id="")


def comparisons() -> Iterator[Comparison]:
    """All rules, with datatrove's."""
    yield from _repetition({rule.metric: rule for rule in Repetition().rules()})
    yield from _quality({rule.id: rule for rule in Quality().rules()})


def _repetition(rules: dict[str, Rule]) -> Iterator[Comparison]:
    from datatrove.pipeline.filters import GopherRepetitionFilter

    names = {
        "duplicate_paragraphs": "dup_para_frac",
        "duplicate_paragraph_characters": "dup_para_char_frac",
        "duplicate_lines": "dup_line_frac",
        "duplicate_line_characters": "dup_line_char_frac",
    }
    off: dict[str, Any] = {**dict.fromkeys(names.values()), "top_n_grams": (), "dup_n_grams": ()}

    def only(field: str, n: int = 0) -> Threshold:
        return lambda threshold: GopherRepetitionFilter(**{**off, field: ((n, threshold),) if n else threshold})

    for metric, field in names.items():
        lines = "line" in metric
        reason = "newlines at the ends of a text make an empty line there, which counts" if lines else "same definition"
        yield Comparison(rules[metric], only(field), _inner if lines else None, reason)
    for n in (2, 3, 4):
        yield Comparison(rules[f"top_{n}_gram"], only("top_n_grams", n))
    for n in (5, 6, 7, 8, 9, 10):
        reason = "n-grams are equal where their letters are, wherever the words begin: 'a bc' is 'ab c'"
        yield Comparison(rules[f"duplicate_{n}_gram"], only("dup_n_grams", n), _ended_words, reason)


def _quality(rules: dict[str, Rule]) -> Iterator[Comparison]:
    from datatrove.pipeline.filters import GopherQualityFilter

    fields = [name for name in GopherQualityFilter.__init__.__annotations__ if name.startswith(("min_", "max_"))]

    def only(field: str) -> Threshold:
        return lambda threshold: GopherQualityFilter(**{**dict.fromkeys(fields), field: threshold})

    marks = "words of punctuation only do not count"
    dots = "'. . .' is no ellipsis"
    lines = "blank lines count, and '\\r', '\\v', '\\f' and other separators part lines"
    stop = "stop words count only in lower case without punctuation"
    bullets = f"{lines}; bullets are '•' and '-' only"
    for rule, field, neutral, reason, counts in (
        ("too_few_words", "min_doc_words", _without_marks, marks, True),
        ("too_many_words", "max_doc_words", _without_marks, marks, True),
        ("short_words", "min_avg_word_length", _without_marks, marks, False),
        ("long_words", "max_avg_word_length", _without_marks, marks, False),
        ("hashes", "max_symbol_word_ratio", _without_dots, "one threshold for hashes and ellipses", False),
        ("ellipses", "max_symbol_word_ratio", _without_hashes, f"{dots}; one threshold for hashes and ellipses", False),
        ("bullets", "max_bullet_lines_ratio", _plain_lines, bullets, False),
        ("clipped_lines", "max_ellipsis_lines_ratio", _plain_lines, f"{lines}; {dots}", False),
        ("few_letters", "max_non_alpha_words_ratio", None, "same definition", False),
        ("few_stop_words", "min_stop_words", _bare_words, stop, True),
    ):
        yield Comparison(rules[rule], only(field), neutral, reason, counts)


def _inner(text: str) -> str:
    return text.strip("\n")


def _ended_words(text: str) -> str:
    return " ".join(f"{word}\x00" for word in text.split())


def _without_marks(text: str) -> str:
    from datatrove.utils.text import PUNCTUATION_SET

    return " ".join(word for word in text.split() if not PUNCTUATION_SET.issuperset(word))


def _without_dots(text: str) -> str:
    return SPACED_ELLIPSIS.sub(";", text).replace("...", ";").replace("…", ";")


def _without_hashes(text: str) -> str:
    return SPACED_ELLIPSIS.sub(";", text).replace("#", ";")


def _plain_lines(text: str) -> str:
    text = SPACED_ELLIPSIS.sub(";", text.translate(NO_NEWLINE_BREAKS).translate(OTHER_BULLETS))
    return "\n".join(line for line in text.split("\n") if line.strip())


def _bare_words(text: str) -> str:
    return " ".join(map(bare, text.split()))


def measure(texts: list[str]) -> dict[str, list[float | None]]:
    """Our values by metric."""
    docs = Docs(pa.record_batch({"text": pa.array(texts, pa.string())}))
    values = {**Repetition().measure(docs), **Quality().measure(docs)}
    return {metric: column.to_pylist() for metric, column in values.items()}


def compare(comparison: Comparison, texts: list[str], values: list[float | None]) -> dict[str, Any]:
    """How many values differ, which verdicts do, and which differences have no explanation."""
    differ = [row for row, text in enumerate(texts) if not comparison.agrees(text, values[row])]
    violated = comparison.rule.violated(pa.array(values, pa.float64())).to_pylist()
    verdicts = [row for row in differ if comparison.removes(texts[row], comparison.threshold) != violated[row]]
    form = comparison.neutral or str
    neutral = [form(texts[row]) for row in differ]
    again = measure(neutral)[comparison.rule.metric] if neutral else []
    unexplained = [
        row for row, text, value in zip(differ, neutral, again, strict=True) if not comparison.agrees(text, value)
    ]

    def both(rows: list[int]) -> list[dict[str, Any]]:
        return [{"text": row, "ours": values[row], "theirs": comparison.value(texts[row])} for row in rows]

    return {
        "removed": sum(violated),
        "values_differ": len(differ),
        "verdicts_differ": both(verdicts),
        "unexplained": both(unexplained),
        "reason": comparison.reason if differ else "",
    }


def whole_filters(texts: list[str]) -> dict[str, Any]:
    """Kept or removed by all rules of a filter together, and the time that takes; datatrove stops at the first rule."""
    from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter

    found: dict[str, Any] = {}
    for stage, theirs in ((Repetition(), GopherRepetitionFilter()), (Quality(), GopherQualityFilter())):
        started = time.process_time()
        kept = [theirs.filter(document(text)) is True for text in texts]
        their_seconds = time.process_time() - started
        values = measure(texts)
        removed = [rule.violated(pa.array(values[rule.metric], pa.float64())).to_pylist() for rule in stage.rules()]
        ours = [not any(rules) for rules in zip(*removed, strict=True)]
        found[stage.name] = {
            "both_keep": sum(a and b for a, b in zip(ours, kept, strict=True)),
            "both_remove": sum(not a and not b for a, b in zip(ours, kept, strict=True)),
            "only_ours_keeps": sum(a and not b for a, b in zip(ours, kept, strict=True)),
            "only_theirs_keeps": sum(b and not a for a, b in zip(ours, kept, strict=True)),
            "their_us_per_text": round(1e6 * their_seconds / len(texts), 1),
        }
    started = time.process_time()
    measure(texts)
    found["our_us_per_text_both"] = round(1e6 * (time.process_time() - started) / len(texts), 1)
    return found


def missing() -> str:
    """What is needed and not there, "" where all is."""
    if importlib.util.find_spec("datatrove") is None:
        return "datatrove is not installed"
    return "" if CORPUS.is_file() else "there is no corpus of real pages at ../shared/corpus beside the checkout"


def main() -> int:
    """Compare all rules, print the table, and give the exit status: 1 where a difference is unexplained."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--texts", type=int, help="compare the first N texts only")
    arguments = parser.parse_args()
    if lack := missing():
        print(json.dumps({"skipped": lack}))
        return 0
    import datatrove.pipeline.filters.gopher_quality_filter as quality
    import datatrove.pipeline.filters.gopher_repetition_filter as repetition

    quality.split_into_words = repetition.split_into_words = lambda text, _language: text.split()
    with gzip.open(CORPUS, "rt", encoding="utf-8") as stream:
        texts = [json.loads(line)["gold_text"] or "" for line in islice(stream, arguments.texts)]
    # datatrove removes a text without words as empty before it looks at any rule, or divides by zero.
    texts = [text for text in texts if text.split()]
    values = measure(texts)
    rows = {c.rule.id: compare(c, texts, values[c.rule.metric]) for c in comparisons()}
    print(f"{'rule':32}{'removed':>8}{'values ≠':>10}{'verdicts ≠':>11}{'unexplained':>12}  why values differ")
    for name, row in rows.items():
        counts = (row["removed"], row["values_differ"], len(row["verdicts_differ"]), len(row["unexplained"]))
        print(f"{name:32}{counts[0]:8}{counts[1]:10}{counts[2]:11}{counts[3]:12}  {row['reason']}")
    whole = whole_filters(texts)
    print(json.dumps({"texts": len(texts), "whole": whole, "rules": rows}))
    return int(any(row["unexplained"] for row in rows.values()))


if __name__ == "__main__":
    raise SystemExit(main())
