"""Recipes: what is accepted means what it says, and what is refused is refused at its place."""

from __future__ import annotations

import json
import pickle
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings, strategies as st
from pydantic import BaseModel, Field, model_validator

from refinery.assets import Asset
from refinery.errors import StorageError, UsageError
from refinery.recipe import (
    ExecutorSettings,
    Pipeline,
    Problem,
    RecipeError,
    consent,
    from_dict,
    load,
    parse,
    recipe_dict,
    written,
)
from refinery.recipe.problems import SourceSpan, SourceText
from refinery.recipe.reader import parse_untrusted
from refinery.recipe.strict_yaml import MAX_PROBLEMS, read
from refinery.stage.base import Edit, Edited, Filter, Records, Source
from refinery.stage.documents import HTML, TEXT, Docs
from refinery.stage.fields import Duration, Size, threshold, tuning
from refinery.stage.rules import Metric, Rule
from refinery.stages.language import Language
from refinery.stages.warc import Warc
from refinery.store import Store

HERE = __name__


class Pages(Source):
    """A source of HTML."""

    name: ClassVar = "pages"
    version: ClassVar = 1
    adds: ClassVar = (HTML,)

    def list_inputs(self, pattern: str, store: Store) -> list[str]:
        return store.list(pattern)

    def read(self, path: str, store: Store) -> Iterator[Records]:
        raise NotImplementedError

    def read_one(self, path: str, offset: int, length: int, store: Store) -> Records:
        raise NotImplementedError


class Main(Edit):
    """HTML to text."""

    name: ClassVar = "main"
    version: ClassVar = 1
    reads: ClassVar = ("html",)
    adds: ClassVar = (TEXT,)
    drops: ClassVar = ("html",)

    timeout: Duration = timedelta(seconds=1)
    memory: Size = Size(64 << 20)

    def edit(self, docs: Docs) -> Edited:
        raise NotImplementedError


class Inner(BaseModel):
    """A nested model."""

    depth: int = 1


class Judge(Filter):
    """All kinds of fields."""

    name: ClassVar = "judge"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("words", pa.uint32(), "count"),)

    keep: tuple[str, ...] = ("en",)
    min_words: int = threshold(50, ge=0)
    max_words: int | None = threshold(None)
    score: float = Field(0.5, ge=0, le=1)
    mode: Literal["fast", "slow"] = "fast"
    strict: bool = False
    lists: tuple[Asset, ...] = ()
    weights: dict[str, float] = Field(default_factory=dict)
    limit: int | None = None
    inner: Inner = Inner()
    threads: int = tuning(1)

    def rules(self) -> tuple[Rule, ...]:
        most = () if self.max_words is None else (Rule("many", "words", at_most=self.max_words),)
        return (Rule("few", "words", at_least=self.min_words), *most)

    @model_validator(mode="after")
    def _must_fit(self) -> Judge:
        if self.limit is not None and self.limit < self.min_words:
            raise ValueError("limit is below min_words")
        return self

    def measure(self, docs: Docs) -> dict[str, Any]:
        raise NotImplementedError


class End(Edit):
    """The end of a pipeline."""

    name: ClassVar = "end"
    version: ClassVar = 1
    last: ClassVar = True

    def edit(self, docs: Docs) -> Edited:
        raise NotImplementedError


class After(Filter):
    """Reads a metric of an earlier stage."""

    name: ClassVar = "after"
    version: ClassVar = 1
    reads: ClassVar = ("text", "judge.words")

    def measure(self, docs: Docs) -> dict[str, Any]:
        raise NotImplementedError


HEAD = "dataset: d\ninputs: a/*.gz\nroot: r\n"
PAGES = f"  - pages: {{use: '{HERE}:Pages'}}\n"
MAIN = f"  - main: {{use: '{HERE}:Main'}}\n"
GOOD = f"{HEAD}pipeline:\n{PAGES}{MAIN}"


def judge(fields: str) -> str:
    """A recipe whose last step is a Judge with these fields."""
    return f"{GOOD}  - judge: {{use: '{HERE}:Judge', {fields}}}\n"


def problems(text: str, overrides: Sequence[str] = (), root: str | None = None) -> tuple[Problem, ...]:
    """The problems of a recipe, which must have some."""
    with pytest.raises(RecipeError) as caught:
        parse(text, "recipe.yaml", overrides, root)
    assert caught.value.exit_code == 2
    return caught.value.problems


def marked(text: str) -> tuple[str, int, int]:
    """A text without its ⟦marks⟧, and the position and length of what they enclose."""
    start = text.index("⟦")
    end = text.index("⟧") - 1
    return text.replace("⟦", "").replace("⟧", ""), start, end - start


WRONG = {
    # What YAML guesses.
    "Norway": (judge("keep: [en, ⟦no⟧]"), "no without quotes is true or false", "write 'no' in quotes"),
    "on": (judge("strict: ⟦on⟧"), "on without quotes is true or false", "true or false"),
    "y": (judge("keep: [⟦y⟧]"), "y without quotes is true or false", "'y' in quotes"),
    "octal": (judge("min_words: ⟦010⟧"), "010 without quotes is a number to some", "plain decimal"),
    "octal 1.2": (judge("min_words: ⟦0o17⟧"), "0o17 without quotes is a number to some", "plain decimal"),
    "not even octal": (judge("keep: [⟦08⟧]"), "08 without quotes is a number to some", "'08' in quotes"),
    "hexadecimal": (judge("min_words: ⟦0x1F⟧"), "0x1F without quotes", "plain decimal"),
    "sexagesimal": (judge("keep: [⟦1:20⟧]"), "1:20 without quotes is a number", "'1:20' in quotes"),
    "underscores": (judge("min_words: ⟦1_000⟧"), "1_000 without quotes is a number", "plain decimal"),
    "date": (GOOD.replace("dataset: d", "dataset: ⟦2024-01-31⟧"), "is a date to YAML", "'2024-01-31' in quotes"),
    "infinity": (judge("score: ⟦.inf⟧"), ".inf without quotes is a number", "plain decimal"),
    "overflow": (judge("score: ⟦1e999⟧"), "1e999 without quotes is a number", "plain decimal"),
    "huge": (judge(f"min_words: ⟦{'9' * 30}⟧"), "without quotes is a number", "plain decimal"),
    "Null": (judge("keep: [⟦Null⟧]"), "Null without quotes has a special meaning", "'Null' in quotes"),
    "merge": (judge("⟦<<⟧: {}"), "<< without quotes has a special meaning", "quotes"),
    "key": (f"{GOOD}⟦no⟧: 1\n", "no without quotes is true or false", "'no' in quotes"),
    "number as key": (f"{GOOD}⟦3⟧: 1\n", "a key must be text", "quotes"),
    "list as key": (f"{GOOD}? ⟦[a]⟧\n: 1\n", "a key must be text", "quotes"),
    # What YAML allows and recipes do not.
    "duplicate key": (f"{GOOD}⟦root⟧: x\n", "duplicate key 'root'", "first on line 3"),
    "duplicate field": (judge("score: 0.1, ⟦score⟧: 0.2"), "duplicate key 'score'", "keep one"),
    "alias": (judge("mode: ⟦*fast⟧"), "aliases are not supported", "quoted"),
    "anchor": (judge("mode: ⟦&a fast⟧"), "anchors are not supported", "quoted"),
    "tag": (judge("mode: ⟦!!str fast⟧"), "tags are not supported", "quoted"),
    "object": (judge("mode: ⟦!!python/name:os.system x⟧"), "tags are not supported", "remove it"),
    "two documents": (f"{GOOD}⟦---⟧\n{GOOD}", "a second document", "one recipe a file"),
    "surrogate": (judge(r'keep: [⟦"\ud83d"⟧]'), "half a character", "escape"),
    # What is no YAML.
    "tab": (f"{HEAD}pipeline:\n⟦\t⟧- pages: {{}}\n", "not valid YAML", "spaces, not tabs"),
    "glob": (GOOD.replace("a/*.gz", "*⟦.⟧warc.gz"), "not valid YAML", "starts with * needs quotes"),
    "colon": (GOOD.replace("root: r", "root: a⟦:⟧ b"), "not valid YAML", "needs quotes"),
    "percent": (GOOD.replace("root: r", "root: ⟦%⟧r"), "not valid YAML", "needs quotes"),
    "open quote": (f'{GOOD}write: ⟦"⟧every\n', "not valid YAML", "this quote is never closed"),
    "open bracket": (f"{GOOD}x: ⟦[⟧a, b\n", "not valid YAML", "bracket is not closed"),
    "open brace": (f"{GOOD}x: ⟦{{⟧a: b\n", "not valid YAML", "brace is not closed"),
    "indentation": (f"{HEAD}pipeline:\n  - pages: {{}}\n ⟦m⟧ain: {{}}\n", "not valid YAML", "indentation"),
    "escape": (f'{GOOD}x: "\\U⟦F⟧FFFFFFF"\n', "a number out of range", "escape"),
    "control character": (f"{GOOD}x: ⟦\x07⟧\n", "a control character", "remove it"),
    "depth": (f"x: {'[' * 15}⟦[⟧[", "nested too deeply", "16 levels"),
    # The recipe's own keys.
    "scalar": ("⟦hello⟧", "not a recipe", "dataset, inputs, root and pipeline"),
    "list": ("⟦- a\n⟧", "not a recipe", "dataset"),
    "unknown key": (f"{GOOD}⟦wriet⟧: every\n", "unknown field 'wriet'", "did you mean 'write'?"),
    "missing key": (GOOD.replace("root: r\n", "").replace("dataset", "⟦d⟧ataset"), "root is missing", "add it"),
    "missing keys": (f"⟦p⟧{GOOD.partition(HEAD)[2][1:]}", "inputs, root are missing", "add them"),
    "no pipeline": (HEAD.replace("dataset", "⟦d⟧ataset"), "pipeline is missing", "list of stages"),
    "empty pipeline": (f"{HEAD}pipeline: ⟦[]⟧\n", "not a list of stages", "- stage:"),
    "pipeline of keys": (f"{HEAD}pipeline: ⟦{{}}⟧\n", "not a list of stages", "- stage:"),
    "dataset": (GOOD.replace("dataset: d", "dataset: ⟦a/b⟧"), "dataset is 'a/b'", "letters, digits"),
    "no inputs": (GOOD.replace("a/*.gz", "⟦[]⟧"), "inputs is a list", "at least 1 in the list"),
    "empty input": (GOOD.replace("a/*.gz", "[a, ⟦''⟧]"), "inputs[1] is ''", "1 or more characters"),
    "choice": (
        f"{GOOD}keep_removed: ⟦all⟧\n",
        "keep_removed is 'all'",
        "expected 'metrics', 'sample', 'text' or 'counts'",
    ),
    "renamed value": (f"{GOOD}keep_removed: ⟦facts⟧\n", "keep_removed is 'facts'", "'facts' is called 'metrics' now"),
    "renamed field": (
        f"{GOOD}  - urls: {{⟦self⟧: false}}\n",
        "unknown field 'urls.self'",
        "'self' is called 'within' now",
    ),
    "nothing marked": (f"{GOOD}write: ⟦marked⟧\n", "no stage is marked", "write: true"),
    "workers": (f"{GOOD}executor: {{workers: ⟦many⟧}}\n", "executor.workers is 'many'", "a whole number or 'auto'"),
    "no workers": (f"{GOOD}executor: {{workers: ⟦0⟧}}\n", "executor.workers is 0", "at least 1 or 'auto'"),
    "executor": (f"{GOOD}executor: {{⟦worker⟧: 1}}\n", "unknown field 'executor.worker'", "did you mean 'workers'?"),
    "memory": (f"{GOOD}executor: {{memory: ⟦80⟧}}\n", "executor.memory is 80", "80%, 12GiB"),
    "percentage": (f"{GOOD}executor: {{memory: ⟦101%⟧}}\n", "executor.memory is '101%'", "1% to 100%"),
    "memory unit": (f"{GOOD}executor: {{memory: ⟦8 cubits⟧}}\n", "executor.memory is '8 cubits'", "64MiB"),
    # Steps.
    "unknown stage": (f"{GOOD}  - ⟦langauge⟧: {{}}\n", "unknown stage 'langauge'", "did you mean 'language'?"),
    "bare step": (f"{GOOD}  - ⟦jugde⟧\n", "unknown stage 'jugde'", "choose one of"),
    "number as step": (f"{GOOD}  - ⟦3⟧\n", "a step must be one stage; it has no key", "- stage: {field: value}"),
    "two in a step": (f"{GOOD}  - ⟦{{a: {{}}, b: {{}}}}⟧\n", "a step must be one stage; it has 'a', 'b'", "- stage:"),
    "scalar step": (f"{GOOD}  - judge: ⟦5⟧\n", "judge is not a mapping of fields", "a mapping"),
    "step name": (
        f"{GOOD}  - judge: {{use: '{HERE}:Judge', as: ⟦My Judge⟧}}\n",
        "is not a valid step name",
        "lower-case",
    ),
    "reserved name": (
        f"{GOOD}  - judge: {{use: '{HERE}:Judge', as: ⟦executor⟧}}\n",
        "is not a valid step name",
        "a key of",
    ),
    "removed column": (
        f"{GOOD}  - judge: {{use: '{HERE}:Judge', as: ⟦why⟧}}\n",
        "is not a valid step name",
        "removed rows",
    ),
    "metrics column": (
        f"{GOOD}  - url: {{}}\n  - ⟦judge⟧: {{use: '{HERE}:Judge', as: url_metrics}}\n",
        "two steps",
        "as:",
    ),
    "as a number": (
        f"{GOOD}  - judge: {{use: '{HERE}:Judge', as: ⟦3⟧}}\n",
        "as: has a value of the wrong type",
        "a name",
    ),
    "write a word": (judge("write: ⟦always⟧"), "write: has a value of the wrong type", "true or false"),
    "twice": (f"{judge('score: 0')}  - ⟦judge⟧: {{use: '{HERE}:Judge'}}\n", "two steps have the name 'judge'", "as:"),
    "no module": (f"{GOOD}  - x: {{use: ⟦'no_such:X'⟧}}\n", "cannot be loaded", "PYTHONPATH"),
    "no class": (f"{GOOD}  - x: {{use: ⟦'{HERE}:Nope'⟧}}\n", "cannot be loaded", "PYTHONPATH"),
    "no stage": (f"{GOOD}  - x: {{use: ⟦'{HERE}:Inner'⟧}}\n", "is no stage", "Filter"),
    "no reference": (f"{GOOD}  - x: {{use: ⟦x/y⟧}}\n", "names no class", "module:Class"),
    "other name": (f"{GOOD}  - ⟦referee⟧: {{use: '{HERE}:Judge'}}\n", "is 'judge', not 'referee'", "write '- judge:'"),
    "no source": (f"{HEAD}pipeline:\n  - ⟦url⟧: {{}}\n", "the first stage is not a source", "only source"),
    "late source": (
        f"{GOOD}  - ⟦pages⟧: {{use: '{HERE}:Pages', as: more}}\n",
        "'more' is a source and must be first",
        "only source",
    ),
    # Fields.
    "unknown field": (judge("⟦min_wrods⟧: 1"), "unknown field 'judge.min_wrods'", "did you mean 'min_words'?"),
    "no number": (judge("min_words: ⟦few⟧"), "judge.min_words is 'few'", "a whole number; the default is 50"),
    "quoted number": (judge("min_words: ⟦'80'⟧"), "judge.min_words is '80'", "leave the quotes out"),
    "fraction": (judge("min_words: ⟦1.5⟧"), "judge.min_words is 1.5", "a whole number"),
    "truth for a number": (judge("min_words: ⟦true⟧"), "judge.min_words is true", "a whole number"),
    "too small": (judge("min_words: ⟦-1⟧"), "judge.min_words is -1", "at least 0"),
    "too large": (judge("score: ⟦1.5⟧"), "judge.score is 1.5", "at most 1; the default is 0.5"),
    "no list": (judge("keep: ⟦{a: b}⟧"), "judge.keep is a mapping", "a list: [a, b]; the default is [en]"),
    "wrong list of one": (judge("keep: ⟦3⟧"), "judge.keep[0] is 3", "text, so put it in quotes"),
    "thresholds that contradict": (
        judge("min_words: 500, max_words: 10").replace("judge", "⟦judge⟧", 1),
        "fields of judge contradict each other",
        "no document has words ≥ 500 (few) and ≤ 10 (many)",
    ),
    "behind the end": (
        f"{GOOD}  - end: {{use: '{HERE}:End'}}\n  - ⟦judge⟧: {{use: '{HERE}:Judge'}}\n",
        "'judge' comes after 'end'",
        "put it before 'end'",
    ),
    "number in a list": (judge("keep: [en, ⟦3⟧]"), "judge.keep[1] is 3", "text, so put it in quotes"),
    "literal": (judge("mode: ⟦fats⟧"), "judge.mode is 'fats'", "'fast' or 'slow'; the default is fast"),
    "no truth": (judge("strict: ⟦1⟧"), "judge.strict is 1", "true or false"),
    "empty value": (judge("mode: ⟦null⟧"), "judge.mode is empty", "'fast' or 'slow'"),
    "asset": (judge("lists: [⟦3⟧]"), "judge.lists[0] is 3", "text"),
    "mapping": (judge("weights: ⟦[1]⟧"), "judge.weights is a list", "a mapping"),
    "in a mapping": (judge("weights: {a: ⟦x⟧}"), "judge.weights.a is 'x'", "a number"),
    "nested": (judge("inner: {depth: ⟦x⟧}"), "judge.inner.depth is 'x'", "a whole number"),
    "together": (
        judge("limit: 3").replace("judge", "⟦judge⟧", 1),
        "fields of judge contradict each other",
        "below min_words",
    ),
    "duration": (
        f"{HEAD}pipeline:\n{PAGES}  - main: {{use: '{HERE}:Main', timeout: ⟦5⟧}}\n",
        "main.timeout is 5",
        "30s",
    ),
    "duration unit": (
        f"{HEAD}pipeline:\n{PAGES}  - main: {{use: '{HERE}:Main', timeout: ⟦5 parsecs⟧}}\n",
        "main.timeout is '5 parsecs'",
        "a number with a unit: 500ms, 30s, 2min, 1h; the default is 1s",
    ),
    "size unit": (
        f"{HEAD}pipeline:\n{PAGES}  - main: {{use: '{HERE}:Main', memory: ⟦5 parsecs⟧}}\n",
        "main.memory is '5 parsecs'",
        "a size with a unit: 64MiB, 1GB; the default is 64MiB",
    ),
    # Columns.
    "no text": (
        f"{HEAD}pipeline:\n{PAGES}  - ⟦judge⟧: {{use: '{HERE}:Judge'}}\n{MAIN}",
        "reads 'text'",
        "put 'main' before",
    ),
    "dropped": (f"{GOOD}  - ⟦main⟧: {{use: '{HERE}:Main', as: again}}\n", "reads 'html'", "'main' drops it"),
    "no metric": (f"{GOOD}  - ⟦after⟧: {{use: '{HERE}:After'}}\n", "reads 'judge.words'", "no stage of this recipe"),
    "late metric": (
        f"{GOOD}  - ⟦after⟧: {{use: '{HERE}:After'}}\n  - judge: {{use: '{HERE}:Judge'}}\n",
        "reads 'judge.words'",
        "put 'judge' before",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_mistake_is_one_problem_at_its_place_with_its_fix(case: str) -> None:
    """Line, column and length of the problem are those of what is wrong, and message and fix speak of it."""
    recipe, message, fix = WRONG[case]
    text, start, length = marked(recipe)
    (problem,) = problems(text)
    assert (problem.span.start, problem.span.end - problem.span.start) == (start, length), problem.render()
    assert message in problem.message
    assert fix in problem.fix
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    assert problem.span.position == f"recipe.yaml:{line}:{column}"
    assert problem.to_json()["line"] == line
    assert problem.to_json()["column"] == column


def test_a_problem_is_shown_with_its_line_and_a_caret_under_it() -> None:
    """The shape that people and editors rely on: place, message, line, caret, fix, count."""
    with pytest.raises(RecipeError) as caught:
        parse(GOOD + "  - url:  {soft_limti: 1, curated: 3}\n", "r.yaml")
    assert caught.value.message == (
        "r.yaml:7:12  unknown field 'url.soft_limti'\n"
        "    7 │   - url:  {soft_limti: 1, curated: 3}\n"
        "      │            ^^^^^^^^^^ did you mean 'soft_limit'?\n"
        "r.yaml:7:36  url.curated is 3\n"
        "    7 │   - url:  {soft_limti: 1, curated: 3}\n"
        "      │                                    ^ expected true or false; the default is true\n"
        "2 problems. `refinery stages url` lists its fields."
    )


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    """A recipe is not mended one error at a time."""
    text = judge("keep: [no], min_wrods: 1, score: 2").replace("root: r", "rot: r") + "  - langauge: {}\n"
    places = [problem.span.position for problem in problems(text, ["judge.mode=x", "nothing"])]
    lines = [int(place.split(":")[1]) for place in places if place.startswith("recipe")]
    assert lines == [1, 3, 7, 7, 7, 8]
    assert places[6:] == ["--set", "--set"]


def test_a_value_that_could_not_be_read_is_complained_about_once() -> None:
    """What pydantic says about a stand-in value helps nobody."""
    (problem,) = problems(judge("min_words: 0x1F"))
    assert "0x1F" in problem.message


def test_problems_of_a_hostile_file_end_at_a_limit() -> None:
    """A file of nothing but mistakes costs no more than a screen of them."""
    assert len(problems("\n".join(["a: no"] * 10_000))) == MAX_PROBLEMS


def test_a_stage_that_lacks_a_column_as_well_is_no_help() -> None:
    """`lines` gives a text, but it reads one first."""
    with pytest.raises(RecipeError) as caught:
        parse(f"{HEAD}pipeline:\n  - warc: {{}}\n  - quality: {{}}\n  - lines: {{}}\n", "r.yaml")
    assert [one.fix for one in caught.value.problems] == 2 * ["no stage of this recipe adds it"]


@given(
    st.text("aé日\t\u0301\x1b😀 ", max_size=200),
    st.text("aé日😀", min_size=1, max_size=5),
    st.text("a日", max_size=200),
)
@settings(max_examples=80)
def test_the_caret_stands_under_what_it_points_at(before: str, wrong: str, after: str) -> None:
    """However wide the characters before it are, and however long the line."""
    text = SourceText("t", before + wrong + after)
    _, shown, carets = Problem(SourceSpan(text, len(before), len(before) + len(wrong)), "m").render().split("\n")
    assert "\x1b" not in shown
    start = sum(_width(c) for c in carets[: carets.index("^")])
    reached = 0
    for i, character in enumerate(shown):
        if reached == start and _width(character):
            assert shown[i : i + len(wrong)] == wrong
            return
        reached += _width(character)
    raise AssertionError("the caret stands outside the line")


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


# ------------------------------------------------------------------------------------------------------ what is accepted


def test_a_recipe_becomes_its_pipeline() -> None:
    """Defaults are filled in, a single input is a list of one, an empty step has its defaults, as: names the step."""
    pipeline = parse(judge("as: second, write: true, keep: ['no', de], min_words: 80, weights: {'on': 1}"), "r")
    assert (pipeline.dataset, pipeline.inputs, pipeline.root) == ("d", ("a/*.gz",), "r")
    assert (pipeline.write, pipeline.keep_removed, pipeline.executor) == ("every", "metrics", ExecutorSettings())
    assert [step.name for step in pipeline.steps] == ["pages", "main", "second"]
    assert [step.write for step in pipeline.steps] == [False, False, True]
    assert pipeline.steps[2].stage == Judge(keep=("no", "de"), min_words=80, weights={"on": 1.0})
    assert pipeline.source == Pages()


def test_a_step_may_be_left_empty() -> None:
    """``- url:`` is ``- url: {}``."""
    assert parse(f"{GOOD}  - url:\n", "r").steps == parse(f"{GOOD}  - url: {{}}\n", "r").steps


def test_what_a_recipe_leaves_out_means_the_same_as_written_out() -> None:
    """A step without fields, a list of one without brackets, and the dataset after the file's name."""
    short = "inputs: a/*.gz\nroot: r\npipeline:\n  - warc\n  - extract\n  - language: {keep: en}\n"
    long = short.replace("inputs", "dataset: my-crawl\ninputs", 1).replace("keep: en", "keep: [en]")
    long = long.replace("- warc", "- warc: {}").replace("- extract", "- extract: {}")
    assert parse(short, "recipes/my crawl.yaml") == parse(long, "recipe.yaml")
    changed = parse(short, "recipe.yaml", ["language.keep=de", "warc.check_digests=true"])
    assert [step.stage for step in changed.steps][::2] == [Warc(check_digests=True), Language(keep=("de",))]


@pytest.mark.parametrize(
    ("file", "name"),
    [("cc.2024-10.yml", "cc.2024-10"), ("/a/b/.hidden.yaml", "hidden"), ("наука.yaml", "dataset"), ("x", "x")],
)
def test_a_dataset_without_a_name_is_called_as_its_recipe(file: str, name: str) -> None:
    """As far as a dataset may be called so."""
    assert parse(GOOD.replace("dataset: d\n", ""), file).dataset == name


def test_a_root_is_read_although_a_new_run_would_refuse_its_recipe() -> None:
    """Stages behind the end of a pipeline are refused where somebody would run them."""
    text = f"{GOOD}  - end: {{use: '{HERE}:End'}}\n  - judge: {{use: '{HERE}:Judge'}}\n"
    assert [step.name for step in parse_untrusted(text, "HEAD.json").steps] == ["pages", "main", "end", "judge"]


def test_tokens_are_there_once_there_is_text() -> None:
    """The engine counts them where a stage gives a text."""
    pipeline = parse(f"{GOOD}  - judge: {{use: '{HERE}:Judge'}}\n  - after: {{use: '{HERE}:After'}}\n", "r")
    assert pipeline.steps[-1].name == "after"


@pytest.mark.parametrize(
    ("memory", "expected"), [("80%", 800), ("100%", 1000), ("1%", 10), ("512B", 512), ("2KiB", 2048), ("1KB", 1000)]
)
def test_memory_is_a_share_of_the_machine_or_a_size(memory: str, expected: int) -> None:
    """Percent of the total, or bytes by unit."""
    assert ExecutorSettings(memory=memory).memory_bytes(1000) == expected


fields = st.fixed_dictionaries(
    {},
    optional={
        "keep": st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
        "min_words": st.integers(0, 2**62),
        "score": st.floats(0, 1),
        "mode": st.sampled_from(["fast", "slow"]),
        "strict": st.booleans(),
        "lists": st.lists(st.text("ab/", min_size=1, max_size=3)),
        "weights": st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
            st.floats(allow_nan=False, allow_infinity=False),
        ),
        "inner": st.fixed_dictionaries({"depth": st.integers(-(2**62), 2**62)}),
    },
)


@given(fields, st.timedeltas(timedelta(0), timedelta(days=400)), st.integers(0, 2**50))
@settings(max_examples=80)
def test_a_pipeline_survives_its_recipe_as_a_dictionary(values: dict[str, Any], timeout: timedelta, size: int) -> None:
    """from_dict(recipe_dict(p)) is p, for every value of every field, also through JSON."""
    start = parse(judge("as: again, write: true"), "r")
    main = start.steps[1].stage.model_copy(update={"timeout": timeout, "memory": Size(size)})
    last = Judge.model_validate_json(json.dumps(values))
    steps = (start.steps[0], _with_stage(start.steps[1], main), _with_stage(start.steps[2], last))
    pipeline = start.model_copy(update={"steps": steps})
    consent.trust(last)
    assert from_dict(json.loads(json.dumps(recipe_dict(pipeline))), "r") == pipeline


@pytest.mark.parametrize("field", ["lists: [/tmp/a, {0}]", "lists: [{0}]"])
def test_a_roots_recipe_opens_no_file_that_the_user_has_not_named(field: str) -> None:
    """Assets of the catalogue are the installation's; others are opened where a recipe of the user's names them."""
    path = f"./{field.count('/')}.txt"
    text = judge(field.format(path))
    stored = yaml.safe_load(text)
    with pytest.raises(RecipeError, match="must not open") as caught:
        from_dict(stored, "r")
    assert path in str(caught.value)
    assert "-c FILE" in str(caught.value)
    assert from_dict(yaml.safe_load(judge("lists: [ut1]")), "r").steps[-1].stage.lists == ("ut1",)  # type: ignore[attr-defined]
    parse(text, "r")
    assert from_dict(stored, "r") == parse(text, "r", root="r")


def _with_stage(step: Any, stage: Any) -> Any:
    return type(step)(step.name, stage, step.write, step.use)


def test_a_recipe_as_a_dictionary_holds_what_decides_the_result_and_nothing_else() -> None:
    """Every default is written out; root, workers and tuning fields are not there."""
    text = judge("threads: 8") + "executor: {workers: 3}\n"
    data = recipe_dict(parse(text, "r", root="elsewhere"))
    assert set(data) == {"dataset", "inputs", "write", "keep_removed", "audit", "max_broken_inputs", "pipeline"}
    written_out = data["pipeline"][2]["judge"]
    assert set(written_out) == (set(Judge.model_fields) | {"use"}) - {"threads"}
    assert data["pipeline"][1]["main"]["timeout"] == "1s"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Size(20_000_000), "20MB"),
        (Size(2 << 30), "2GiB"),
        (Size(1234), "1234B"),
        (Size(0), "0B"),
        (timedelta(milliseconds=50), "0.05s"),
        (("a", "b"), "[a, b]"),
        (True, "true"),
        (None, "null"),
        (0.65, "0.65"),
    ],
)
def test_a_value_is_shown_as_a_recipe_would_write_it(value: object, text: str) -> None:
    """Exactly: a size is never rounded."""
    assert written(value) == text


def test_a_pipeline_can_be_sent_to_a_worker() -> None:
    """Pickled and back, it is the same."""
    pipeline = parse(judge("min_words: 3"), "r", ["judge.score=0.25"])
    assert pickle.loads(pickle.dumps(pipeline)) == pipeline


# ------------------------------------------------------------------------------------------------------------- overrides


def test_an_override_replaces_a_value_and_is_recorded() -> None:
    """Recipe keys, the executor and fields of stages by instance name; paths are taken as they are."""
    given = (
        "inputs=*.warc.gz",
        "root=%x: y",
        "write=last",
        "executor.workers=2",
        "storage.region=eu-west-1",
        "judge.keep=[de, 'no']",
        "judge.write=true",
    )
    pipeline = parse(judge("score: 0.1"), "r", given)
    assert (pipeline.inputs, pipeline.root, pipeline.write) == (("*.warc.gz",), "%x: y", "last")
    assert pipeline.executor.workers == 2
    assert pipeline.storage.region == "eu-west-1"
    assert pipeline.steps[2].stage == Judge(score=0.1, keep=("de", "no"))
    assert pipeline.steps[2].write
    assert pipeline.overrides == given


def test_an_override_reaches_a_step_by_its_instance_name_and_an_empty_one_too() -> None:
    """``as:`` names it; ``- url:`` has fields to set."""
    text = f"{GOOD}  - judge: {{use: '{HERE}:Judge', as: strict}}\n  - url:\n"
    pipeline = parse(text, "r", ["strict.min_words=1", "url.soft_limit=9"])
    assert pipeline.steps[2].stage == Judge(min_words=1)
    assert recipe_dict(pipeline)["pipeline"][3]["url"]["soft_limit"] == 9


def test_the_root_of_the_command_line_wins() -> None:
    """--root over the recipe, whether or not that has one."""
    assert parse(GOOD, "r", root="other").root == "other"
    assert parse(GOOD.replace("root: r\n", ""), "r", root="other").root == "other"


BAD_OVERRIDES = {
    "field": ("judge.⟦min_wrods⟧=80", "unknown field 'judge.min_wrods'", "did you mean 'min_words'?"),
    "value": ("judge.min_words=⟦few⟧", "judge.min_words is 'few'", "a whole number"),
    "Norway": ("judge.keep=[⟦no⟧]", "no without quotes", "'no' in quotes"),
    "alias": ("judge.mode=⟦*x⟧", "aliases are not supported", "quoted"),
    "syntax": ("judge.keep=⟦[⟧a", "not valid YAML", "not closed"),
    "stage": ("⟦jugde.score⟧=1", "unknown key 'jugde.score'", "did you mean 'judge.score'?"),
    "key": ("⟦writ⟧=last", "unknown key 'writ'", "did you mean 'write'?"),
    "executor": ("⟦executor.workres⟧=2", "unknown key 'executor.workres'", "did you mean 'executor.workers'?"),
    "name": ("⟦judge.as⟧=x", "unknown key 'judge.as'", ""),
    "no value": ("⟦judge.score⟧", "no value to set", "key=value"),
    "no key": ("⟦⟧=1", "no value to set", "key=value"),
    "empty": ("judge.score=⟦⟧", "no value to set", "null"),
    "empty path": ("root=⟦⟧", "root is ''", "1 or more characters"),
    "not UTF-8": ("inputs=⟦a\udcff⟧", "not UTF-8", "rename"),
}


@pytest.mark.parametrize("case", BAD_OVERRIDES)
def test_a_wrong_override_is_shown_itself(case: str) -> None:
    """The problem lies in the option's own text, at its place in it."""
    option, message, fix = BAD_OVERRIDES[case]
    text, start, length = marked(option)
    (problem,) = problems(judge("score: 0.5"), [text])
    assert problem.span.position == "--set"
    assert (problem.span.start, problem.span.end - problem.span.start) == (start, length) or case == "syntax"
    assert problem.span.text.content == text
    assert message in problem.message
    assert fix in problem.fix
    assert problem.to_json()["line"] is None


def test_an_option_given_twice_is_refused() -> None:
    """Neither wins in silence."""
    (problem,) = problems(GOOD, ["root=a", "root=b"])
    assert problem.message == "'root' is set twice"


def test_a_root_that_is_no_text_is_refused() -> None:
    """A name that is not UTF-8 could not be written into any report."""
    (problem,) = problems(GOOD, root="a\udcff")
    assert (problem.span.position, problem.message) == ("--root", "not UTF-8")


# ----------------------------------------------------------------------------------------------------------------- files


def test_a_recipe_is_read_from_its_file(tmp_path: Path) -> None:
    """With or without a byte order mark, and with either kind of line end."""
    path = tmp_path / "r.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(str(path), ["write=last"], "x") == parse(GOOD, "r", ["write=last"], "x")


def test_errors_name_the_file_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the place can be clicked."""
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(f"{GOOD}x: 1\r\n")
    with pytest.raises(RecipeError, match=r"^r\.yaml:7:1  unknown field 'x'\n    7 │ x: 1\n"):
        load("r.yaml")


@pytest.mark.parametrize("name", ["none.yaml", ".", "ftp://host/r.yaml"])
def test_a_recipe_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A missing file, a folder, a kind of path that is not supported."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        load(name)
    assert caught.value.message.startswith(f"{name}: ")
    assert caught.value.hint


def test_a_file_that_is_no_text_is_refused_at_its_first_wrong_byte(tmp_path: Path) -> None:
    """Line and column, in bytes."""
    path = tmp_path / "r.yaml"
    path.write_bytes(b"dataset: d\nroot: caf\xe9\n")
    with pytest.raises(UsageError) as caught:
        load(str(path))
    assert caught.value.message == f"{path}:2:10  not UTF-8: byte 0xe9"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """It is an archive given by mistake."""
    path = tmp_path / "r.yaml"
    path.write_bytes(b"#" * 300_000)
    with pytest.raises(UsageError, match="larger than 256 KiB"):
        load(str(path))


def test_a_file_that_may_not_be_read_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the exit code of storage."""
    path = tmp_path / "r.yaml"
    path.write_text(GOOD)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(StorageError, match="Permission denied"):
        load(str(path))


# ------------------------------------------------------------------------------------------------- whatever is thrown at it

FRAGMENTS = [
    *"-:?,[]{}#&*!|>'\"%@` \n\t\\0159.~_é日\x00\x07\u2028\ufeff",
    "\n  - ", ": ", "no", "yes", "null", "true", "0x1", "1:20", "2024-01-01", "<<", "=", "---\n", "...\n", "%YAML 1.1\n",
    "dataset", "inputs", "root", "pipeline", "warc", "url", "use", "as", "write", "!!str", "\\U", "\\ud83d", "\\x", ".5", "-1",
]  # fmt: skip
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join) | st.text(max_size=60)


@given(texts, st.lists(texts, max_size=2))
@settings(max_examples=300)
def test_random_text_is_a_usage_error_and_nothing_else(text: str, overrides: list[str]) -> None:
    """Whatever a file or an option holds, the answer is a pipeline or an error that can be shown."""
    try:
        parse(text, "r", overrides)
    except UsageError as error:
        error.message.encode()


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 3), texts)
@settings(max_examples=200)
def test_a_damaged_recipe_is_accepted_or_refused_at_places_in_it(at: int, cut: int, put: str) -> None:
    """Every problem lies in the text that it is about."""
    text = GOOD[:at] + put + GOOD[at + cut :]
    try:
        parse(text, "r")
    except RecipeError as error:
        assert error.problems
        for problem in error.problems:
            assert 0 <= problem.span.start <= len(text)
            line = problem.span.text.position(problem.span.start)[0]
            assert 1 <= line <= text.count("\n") + 1


# fmt: off
words = st.sampled_from([
    "yes", "no", "on", "off", "y", "n", "true", "True", "null", "Null", "~", "<<", "=", ".inf", ".nan", "0", "-0", "007", "08", "0x1F", "0b1", "0o7",
])
# fmt: on
figures = st.text("0123456789.:-+_eExo", max_size=10)
scalars = words | figures | st.from_regex(r"[-+]?[0-9]{1,4}(\.[0-9]*)?([eE][-+]?[0-9]{1,2})?", fullmatch=True)


@given(st.lists(scalars, min_size=1, max_size=4), st.sampled_from(["- {}\n", "? {}\n", "{}: x\n", "a{}: x\n"]) | texts)
@settings(max_examples=300)
def test_what_is_accepted_as_yaml_means_the_same_to_pyyaml(values: list[str], line: str) -> None:
    """Strictness refuses; it never reads anything else than another loader reads, but for 1e5, which is a number."""
    text = "".join(line.replace("{}", value) for value in values)
    try:
        node, found = read(SourceText("t", text))
    except RecipeError:
        return
    if not found and not re.search(r"[0-9.][eE]", text):
        assert node.plain() == yaml.safe_load(text)


@given(scalars)
@settings(max_examples=300)
def test_a_plain_scalar_is_that_number_or_that_text_or_refused(scalar: str) -> None:
    """No third reading: a number is the number that Python reads, a text is a text to PyYAML too."""
    try:
        node, found = read(SourceText("t", f"[{scalar}]"))
    except RecipeError:
        return
    values = node.plain()
    assert isinstance(values, list)
    if not found and values and isinstance(values[0], (int, float)) and not isinstance(values[0], bool):
        assert values == [float(scalar)]
    if not found and values and isinstance(values[0], str):
        assert values == [scalar.strip()]
        assert yaml.safe_load(f"[{scalar}]") == values


def test_reading_is_linear() -> None:
    """A recipe of the largest size, of one deep or wide kind, takes no more than its length."""
    for text in ("[" * 200_000, "a: {" * 50_000, "- " * 100_000, "x" * 200_000, '"' + "a" * 200_000, "a: *" * 50_000):
        with pytest.raises(RecipeError):
            parse(text, "r")


def test_pipeline_is_immutable() -> None:
    """It is shared by plan, workers and reports."""
    pipeline = parse(GOOD, "r")
    assert isinstance(pipeline, Pipeline)
    with pytest.raises(ValueError, match="frozen"):
        pipeline.dataset = "x"  # type: ignore[misc]
