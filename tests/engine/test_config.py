"""Recipes: what is accepted means what it says, and what is refused is refused at its place."""

from __future__ import annotations

import json
import pickle
from datetime import timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given, settings, strategies as st

from refinery.recipe import ExecutorSettings, Pipeline, RecipeError, consent, from_dict, parse, recipe_dict, written
from refinery.recipe.reader import parse_untrusted
from refinery.stage.fields import Size
from refinery.stages.language import Language
from refinery.stages.warc import Warc
from tests.engine.recipe_stages import GOOD, HERE, Judge, Pages, judge, marked, problems

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


def test_pipeline_is_immutable() -> None:
    """It is shared by plan, workers and reports."""
    pipeline = parse(GOOD, "r")
    assert isinstance(pipeline, Pipeline)
    with pytest.raises(ValueError, match="frozen"):
        pipeline.dataset = "x"  # type: ignore[misc]
