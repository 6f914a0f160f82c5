"""Verdicts of a recipe's rules against those of its published implementation, on the same texts.

usage: python -m tools.bench.parity RECIPE FOLDER… [--texts N] [--write]

FOLDER has ``truth.jsonl.gz`` (lang, gold_text) or ``docs.jsonl.gz`` (lang, text). A rule is compared with the public
filter that has this rule alone, at the recipe's threshold and with its words. Where verdicts differ, the text is
brought into a form in which a known difference of definition cannot show, and both judge again: a difference that is
still there is unexplained, and the script fails. To add a rule, add a row to the recipe's table in
``tools/bench/published``. ``--write`` puts the table into docs/parity.md. The last line is JSON.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import importlib.util
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from refinery import Docs, Edit, Filter
from refinery.recipe import load

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "parity.md"
RECIPES = tuple(sorted(path.stem for path in Path(__file__).with_name("published").glob("[a-z]*.py")))
BATCH = 100

Form = Callable[[str], str]
Judge = Callable[[str, str], Any]
"""Takes a text and its language; returns whether the published implementation removes it, or what text it leaves."""


@dataclass(frozen=True)
class Difference:
    """A known difference of definition: a reason, and a form of a text in which it cannot show."""

    reason: str
    neutral: Form


@dataclass(frozen=True)
class Row:
    """A rule of a step of the recipe, and its public counterpart.

    ``text`` and ``words`` in place of a rule are what an edit leaves, exactly and but for white space.
    """

    step: str
    rule: str
    public: str
    judge: Judge
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class Text:
    """A text and its language."""

    text: str
    lang: str


@dataclass
class Result:
    """The result of comparing a row."""

    row: Row
    removed: int = 0
    texts: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    unexplained: list[int] = field(default_factory=list)

    @property
    def differ(self) -> int:
        return sum(self.reasons.values()) + len(self.unexplained)

    @property
    def agreement(self) -> float:
        return 1 - self.differ / self.texts if self.texts else 1.0


class Ours:
    """The recipe's steps on one batch of texts."""

    def __init__(self, steps: dict[str, Any], texts: Sequence[Text]) -> None:
        columns = {"text": [each.text for each in texts], "lang": [each.lang for each in texts]}
        self._docs = Docs(pa.record_batch({name: pa.array(each, pa.string()) for name, each in columns.items()}))
        self._steps = steps
        self._done: dict[str, Any] = {}

    def outcomes(self, row: Row) -> list[Any]:
        """Return what our implementation makes of each text."""
        stage = self._steps[row.step]
        if row.step not in self._done:
            self._done[row.step] = stage.edit(self._docs) if isinstance(stage, Edit) else stage.measure(self._docs)
        done = self._done[row.step]
        if row.rule in ("text", "words"):
            left: list[str] = done.columns["text"].to_pylist()
            return left if row.rule == "text" else [text.split() for text in left]
        [rule] = [rule for rule in stage.applied_rules() if rule.id == row.rule]
        metrics = done.metrics if isinstance(stage, Edit) else done
        languages = self._docs.languages().dictionary_encode()
        return list(rule.violated(pa.array(metrics[rule.metric]), languages).to_pylist())


class Comparison:
    """The rows of a recipe, with what was found so far."""

    def __init__(self, steps: dict[str, Any], rows: Sequence[Row]) -> None:
        self._steps = steps
        self.results = [Result(row) for row in rows]
        self.seconds = {"ours": 0.0, "theirs": 0.0}

    def add(self, texts: Sequence[Text], first: int) -> None:
        """Compare all rows on texts, of which the first has a number."""
        started = time.process_time()
        ours = Ours(self._steps, texts)
        mine = [ours.outcomes(result.row) for result in self.results]
        self.seconds["ours"] += time.process_time() - started
        for place, text in enumerate(texts):  # text by text: implementations keep the words of the last one
            for result, outcomes in zip(self.results, mine, strict=True):
                started = time.process_time()
                theirs = result.row.judge(text.text, text.lang)
                self.seconds["theirs"] += time.process_time() - started
                result.texts += 1
                result.removed += outcomes[place] is True
                if outcomes[place] != theirs:
                    self._explain(result, text, first + place)

    def _explain(self, result: Result, text: Text, number: int) -> None:
        for difference in result.row.differences:
            neutral = Text(difference.neutral(text.text), text.lang)
            if Ours(self._steps, [neutral]).outcomes(result.row) == [result.row.judge(neutral.text, neutral.lang)]:
                result.reasons[difference.reason] += 1
                return
        result.unexplained.append(number)


@dataclass(frozen=True)
class Published:
    """The table of a recipe: ``tools.bench.published.RECIPE``."""

    name: str

    @cached_property
    def module(self) -> Any:
        return importlib.import_module(f"tools.bench.published.{self.name}")

    def missing(self) -> str:
        """Return what must be installed first, "" for nothing."""
        lacking = [name for name in self.module.NEEDS if importlib.util.find_spec(name) is None]
        return f"pip install {' '.join(lacking)}" if lacking else ""


def read(folder: Path, languages: Callable[[str], bool]) -> Iterator[Text]:
    """Yield the texts of a folder that have words, in the languages that a table knows."""
    found = [path for path in (folder / "truth.jsonl.gz", folder / "docs.jsonl.gz") if path.is_file()]
    if not found:
        sys.exit(f"{folder} has neither truth.jsonl.gz nor docs.jsonl.gz")
    with gzip.open(found[0], "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            text, lang = row.get("gold_text") or row.get("text") or "", row.get("lang") or "en"
            if text.split() and languages(lang):
                yield Text(text, lang)


def table(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield "| rule | public implementation | texts | removed | verdicts differ | agreement | why |"
    yield "|---|---|---|---|---|---|---|"
    for each in results:
        why = "; ".join(f"{count} × {reason}" for reason, count in each.reasons.most_common())
        why += f"{'; ' if why else ''}{len(each.unexplained)} unexplained" if each.unexplained else ""
        counts = f"{each.texts:,} | {each.removed:,} | {each.differ} | {100 * each.agreement:.2f} %"
        yield f"| `{each.row.step}.{each.row.rule}` | {each.row.public} | {counts} | {why} |"


def write(name: str, lines: Sequence[str]) -> None:
    """Put a table between the marks of the recipe in docs/parity.md."""
    begin, end = f"<!-- measured: {name} -->", f"<!-- end of {name} -->"
    page = PAGE.read_text(encoding="utf-8")
    new = "\n".join([begin, "", *lines, "", end])
    PAGE.write_text(re.sub(f"{begin}.*?{end}", lambda _: new, page, flags=re.DOTALL), encoding="utf-8")


def main() -> int:
    """Compare, print the table, and give the exit status: 1 where a difference is unexplained."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--texts", type=int, help="compare the first N texts of each folder only")
    parser.add_argument("--write", action="store_true", help="put the table into docs/parity.md")
    arguments = parser.parse_args()
    published = Published(arguments.recipe)
    if lack := published.missing():
        print(json.dumps({"skipped": lack}))
        return 0
    steps = {step.name: step.stage for step in load(str(ROOT / "configs" / f"{arguments.recipe}.yaml")).steps}
    steps = {name: stage for name, stage in steps.items() if isinstance(stage, (Edit, Filter))}
    comparison, count = Comparison(steps, list(published.module.rows(steps))), 0
    for folder in arguments.folders:
        texts = islice(read(folder, published.module.is_comparable), arguments.texts)
        while batch := list(islice(texts, BATCH)):
            comparison.add(batch, count)
            count += len(batch)
    lines = list(table(comparison.results))
    print("\n".join(lines))
    if arguments.write:
        write(arguments.recipe, lines)
    ratio = comparison.seconds["theirs"] / comparison.seconds["ours"]
    found = {
        f"{each.row.step}.{each.row.rule}": each.unexplained[:20] for each in comparison.results if each.unexplained
    }
    least = min(each.agreement for each in comparison.results)
    print(json.dumps({"texts": count, "least_agreement": least, "unexplained": found, "speed_ratio": round(ratio, 1)}))
    return int(bool(found))


if __name__ == "__main__":
    raise SystemExit(main())
