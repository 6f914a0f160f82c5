"""Builds a Pipeline from a recipe's values, or reports all problems at once.

Not here: reading YAML (``strict_yaml``) and the messages for pydantic's errors (``explain``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from refinery.errors import RefineryError
from refinery.recipe import consent
from refinery.recipe.chain import gaps
from refinery.recipe.explain import explain
from refinery.recipe.index_query import COMMON_CRAWL, IndexQuery
from refinery.recipe.language_keys import with_thresholds
from refinery.recipe.pipeline import Locations, Pipeline, Settings, Step
from refinery.recipe.problems import Problem, SourceSpan, recipe_error
from refinery.recipe.shorthand import listed_fields
from refinery.recipe.strict_yaml import YamlNode
from refinery.stage import registry
from refinery.stage.base import Source, Stage
from refinery.stage.by_language import FIELD

RESERVED = {
    "executor": "a key of the recipe",
    "storage": "a key of the recipe",
    "prices": "a key of the recipe",
    "why": "a column of removed rows",
    "failed": "a column of removed rows",
}
"""Names that no step may have, and their meaning."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
Model = TypeVar("Model", bound=BaseModel)


def build(root: YamlNode, problems: Sequence[Problem], overrides: Sequence[str], *, stored: bool = False) -> Pipeline:
    """Build the pipeline of a recipe. Raises RecipeError with ``problems`` and all that are found here.

    A ``stored`` recipe, one of a root, is not trusted: see ``refinery.recipe.consent``.
    """
    builder = _Builder(problems, stored=stored)
    query = builder.query(root)
    settings = builder.settings(root)
    steps = builder.steps(root)
    if settings and steps:
        builder.writes(root, settings, steps)
    if builder.problems or not settings:
        raise recipe_error(builder.problems)
    locations = Locations(dict(_locations(root, steps)))
    return Pipeline(**dict(settings), steps=steps, overrides=tuple(overrides), query=query, locations=locations)


def build_stage(kind: type[Stage], fields: YamlNode) -> Stage:
    """Build a stage from a mapping of its fields. Raises RecipeError with every problem in them."""
    builder = _Builder((), stored=False)
    stage = builder.model(fields, kind, kind.name, fields.span, kind.name)
    if stage is None:
        raise recipe_error(builder.problems)
    return stage


def _locations(root: YamlNode, steps: Sequence[Step]) -> Iterator[tuple[str, SourceSpan]]:
    """Yield the key and the span of each value of a valid recipe."""
    pipeline = root.mapping["pipeline"]
    for name, node in root.mapping.items():
        yield name, root.keys.get(name, node.span)
        if node is not pipeline:
            yield from _within(name, node)
    items = pipeline.value if isinstance(pipeline.value, tuple) else ()
    for item, step in zip(items, steps, strict=True):
        for name, body in item.mapping.items():
            yield step.name, item.keys[name]
            yield from _within(step.name, body)


def _within(key: str, node: YamlNode) -> Iterator[tuple[str, SourceSpan]]:
    for name, value in node.mapping.items():
        yield from _within(f"{key}.{name}", value)
    if isinstance(node.value, tuple):
        for number, value in enumerate(node.value):
            yield from _within(f"{key}[{number}]", value)
    if not node.mapping:
        yield key, node.span


class _Builder:
    def __init__(self, problems: Sequence[Problem], *, stored: bool) -> None:
        self.problems = list(problems)
        self.stored = stored
        self.unread = {(p.span.text, p.span.start) for p in problems}

    def add(self, problem: Problem) -> None:
        """Record a problem, unless its value could not be read: then that problem is the cause."""
        if (problem.span.text, problem.span.start) not in self.unread:
            self.problems.append(problem)

    def settings(self, root: YamlNode) -> Settings | None:
        if not root.mapping:
            self.add(Problem(root.span, "not a recipe", "expected the keys dataset, inputs, root and pipeline"))
            return None
        values = {key: node for key, node in root.mapping.items() if key != "pipeline"}
        if (inputs := root.mapping.get("inputs")) and isinstance(inputs.value, dict):
            index = inputs.mapping.get("index")
            values["inputs"] = index if index and isinstance(index.value, str) else YamlNode(inputs.span, COMMON_CRAWL)
        start = SourceSpan(root.span.text, root.span.start, root.span.start + 1)
        return self.model(replace(root, value=values), Settings, "", start)

    def query(self, root: YamlNode) -> IndexQuery | None:
        """Build the query of an index, if the inputs are one."""
        inputs = root.mapping.get("inputs")
        if inputs is None or not isinstance(inputs.value, dict):
            return None
        return self.model(inputs, IndexQuery, "inputs", root.keys["inputs"])

    def steps(self, root: YamlNode) -> tuple[Step, ...]:
        pipeline = root.mapping.get("pipeline")
        if pipeline is None:
            if root.mapping:
                start = SourceSpan(root.span.text, root.span.start, root.span.start + 1)
                self.add(Problem(start, "pipeline is missing", "expected pipeline: with a list of stages"))
            return ()
        items = pipeline.value if isinstance(pipeline.value, tuple) else ()
        if not items:
            self.add(Problem(pipeline.span, "pipeline is not a list of stages", "expected '- stage: {field: value}'"))
        steps = [self.step(item) for item in items]
        built = tuple(step for step in steps if step)
        if len(built) == len(items):
            self.order(items, built)
        return built

    def step(self, item: YamlNode) -> Step | None:
        if len(item.mapping) != 1:
            keys = ", ".join(repr(key[:40]) for key in list(item.mapping)[:4]) or "no key"
            self.add(
                Problem(item.span, f"a step must be one stage; it has {keys}", "expected '- stage: {field: value}'")
            )
            return None
        ((key, body),) = item.mapping.items()
        at = item.keys[key]
        if body.value is not None and not isinstance(body.value, dict):
            self.add(Problem(body.span, f"{key[:80]} is not a mapping of fields", "expected a mapping: {field: value}"))
            return None
        kind = self.stage_class(key, body, at)
        if kind is None:
            return None
        name = self.name(key, body)
        fields = {k: v for k, v in body.mapping.items() if k not in registry.STEP_KEYS}
        listed = "" if "use" in body.mapping else key
        stage = self.model(replace(body, value=fields), kind, name, at, listed)
        write = self.engine_key(body, "write", bool, "expected true or false")
        use = self.engine_key(body, "use", str, "expected module:Class")
        if stage:
            self.files(stage, at)
        return Step(name, stage, bool(write), str(use or "")) if stage else None

    def stage_class(self, key: str, body: YamlNode, at: SourceSpan) -> type[Stage] | None:
        use = body.mapping.get("use")
        try:
            if use is None:
                return registry.stage_class(key)
            reference = str(use.value)
            if self.stored:
                imported = registry.imported_class(reference, consent.HINT)
            else:
                imported = registry.import_class(reference)
        except RefineryError as error:
            self.add(Problem(at if use is None else use.span, error.message, error.hint))
            return None
        if imported.name != key:
            fix = f"write '- {imported.name}:'; as: sets another name"
            self.add(Problem(at, f"the name of {use.value} is {imported.name!r}, not {key[:40]!r}", fix))
            return None
        return imported

    def files(self, stage: Stage, at: SourceSpan) -> None:
        if self.stored:
            for path in consent.refused(stage):
                self.add(Problem(at, f"a root's recipe must not open the file {path[:80]!r}", consent.HINT))
        else:
            consent.trust(stage)

    def name(self, key: str, body: YamlNode) -> str:
        name = self.engine_key(body, "as", str, "expected a name")
        if name is None:
            return key
        span = body.mapping["as"].span
        if not _NAME.fullmatch(str(name)):
            self.add(
                Problem(
                    span, f"{str(name)[:80]!r} is not a valid step name", "expected lower-case letters, digits, _ and -"
                )
            )
        if name in RESERVED:
            self.add(Problem(span, f"{name!r} is not a valid step name", f"it is {RESERVED[str(name)]}"))
        return str(name)

    def engine_key(self, body: YamlNode, key: str, kind: type, fix: str) -> object:
        node = body.mapping.get(key)
        if node is None:
            return None
        if not isinstance(node.value, kind):
            self.add(Problem(node.span, f"{key}: has a value of the wrong type", fix))
            return None
        return node.value

    def model(self, node: YamlNode, model: type[Model], owner: str, at: SourceSpan, listed: str = "") -> Model | None:
        # Strict, so that "80" is not a number and true is not 1; from JSON, so that a list can become a tuple.
        try:
            node = with_thresholds(listed_fields(node, model), model, stored=self.stored)
        except RefineryError as error:
            self.add(Problem(node.mapping[FIELD].span, error.message, error.hint, listed))
            return None
        written = json.dumps(node.plain())
        try:
            return model.model_validate_json(written, strict=True)
        except ValidationError as error:
            for problem in explain(error, node, model, owner, at):
                self.add(replace(problem, stage=listed))
        except RefineryError as error:
            self.add(Problem(at, error.message, error.hint, listed))
        return None

    def order(self, items: Sequence[YamlNode], steps: Sequence[Step]) -> None:
        spans = [next(iter(item.keys.values())) for item in items]
        seen: set[str] = set()
        for number, (span, step) in enumerate(zip(spans, steps, strict=True)):
            if isinstance(step.stage, Source) != (number == 0):
                message = (
                    f"{step.name!r} is a source and must be first" if number else "the first stage is not a source"
                )
                self.add(Problem(span, message, "a pipeline starts with its only source"))
            if not seen.isdisjoint({step.name, step.column}):
                self.add(Problem(span, f"two steps have the name {step.name!r}", "rename one with as:"))
            seen |= {step.name, step.column}
        for number, message, fix in gaps(steps[: self.end(spans, steps)]):
            self.add(Problem(spans[number], message, fix))

    def end(self, spans: Sequence[SourceSpan], steps: Sequence[Step]) -> int:
        """Report each step after one that ends a pipeline; return the number of steps up to that one."""
        count = next((number for number, step in enumerate(steps, 1) if step.stage.last), len(steps))
        if self.stored:  # a root stays readable, even if a new run would refuse its recipe
            return len(steps)
        for span, step in zip(spans[count:], steps[count:], strict=True):
            last = steps[count - 1].name
            fix = f"put it before {last!r}"
            self.add(Problem(span, f"{step.name!r} comes after {last!r}, which must be last", fix))
        return count

    def writes(self, root: YamlNode, settings: Settings, steps: Sequence[Step]) -> None:
        if settings.write == "marked" and not any(step.write for step in steps):
            fix = "mark stages with write: true, or choose every or last"
            self.add(Problem(root.mapping["write"].span, "no stage is marked, so nothing would be written", fix))
