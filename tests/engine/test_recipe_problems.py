"""Mistakes in recipes: each is one problem, shown at its place with its fix."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings, strategies as st

from refinery.recipe import Problem, RecipeError, parse
from refinery.recipe.problems import SourceSpan, SourceText
from refinery.recipe.strict_yaml import MAX_PROBLEMS
from tests.engine.recipe_stages import GOOD, HEAD, HERE, MAIN, PAGES, judge, marked, problems

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
    """Pydantic's message about a placeholder value is not shown."""
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
