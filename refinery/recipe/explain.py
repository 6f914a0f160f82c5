"""Converts pydantic's validation errors to problems with their positions in the recipe.

Not here: reading the recipe and building its stages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from refinery.errors import did_you_mean
from refinery.recipe.pipeline import written
from refinery.recipe.problems import Problem, SourceSpan
from refinery.recipe.renamed import new_key, new_value
from refinery.recipe.strict_yaml import YamlNode
from refinery.stage.by_language import FIELD, ByLanguage
from refinery.stage.registry import STEP_KEYS

SHORT = 40
"""Characters of a value in a message."""

_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "string": "text",
    "bool": "true or false",
    "tuple": "a list: [a, b]",
    "list": "a list: [a, b]",
    "set": "a list: [a, b]",
    "frozen": "a list: [a, b]",
    "dict": "a mapping: {key: value}",
    "model": "a mapping: {key: value}",
    "byte": "a size with a unit: 64MiB, 1GB",
}
"""By the first word of pydantic's error type."""

_LIMITS = {
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "multiple_of": "a multiple of {multiple_of}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "too_short": "at least {min_length} in the list",
    "too_long": "at most {max_length} in the list",
    "string_too_short": "{min_length} or more characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "a match of the regular expression {pattern}",
}


def explain(
    error: ValidationError, node: YamlNode, model: type[BaseModel], owner: str, at: SourceSpan
) -> Iterator[Problem]:
    """Yield a problem for each position in ``node`` that ``model`` refused.

    ``owner`` is the step's instance name, empty for the recipe itself; ``at`` is the span of that name.
    """
    locations: dict[tuple[int, int], tuple[_Location, list[ErrorDetails]]] = {}
    for details in error.errors(include_url=False):
        location = _Location(node, at, details["loc"])
        locations.setdefault((location.span.start, len(location.path)), (location, []))[1].append(details)
    for location, errors in locations.values():
        yield from _problems(location, errors, model, owner)


class _Location:
    """The deepest written node on the path of a pydantic error."""

    def __init__(self, node: YamlNode, at: SourceSpan, location: Sequence[int | str]) -> None:
        self.node, self.span, self.key = node, at, at
        self.path: list[int | str] = []
        for part in location:
            step = _step(self.node, part)
            if step is None:
                break
            self.key = self.node.keys.get(str(part), step.span)
            self.node, self.span = step, step.span
            self.path.append(part)

    def name(self, owner: str, extra: Sequence[int | str] = ()) -> str:
        """Return the path as in ``quality.stop_words[2]``."""
        path = [*self.path, *extra]
        path = path[1:] if path[0] == FIELD and len(path) > 1 else path  # a language's key may stand beside the fields
        parts = "".join(f"[{p}]" if isinstance(p, int) else f".{p[:80]}" for p in path)
        return f"{owner}{parts}" if owner else parts.removeprefix(".")


def _step(node: YamlNode, part: int | str) -> YamlNode | None:
    if isinstance(part, str):
        return node.mapping.get(part)
    items = node.value if isinstance(node.value, tuple) else ()
    return items[part] if part < len(items) else None


def _problems(location: _Location, errors: list[ErrorDetails], model: type[BaseModel], owner: str) -> Iterator[Problem]:
    kinds = {details["type"] for details in errors}
    if "extra_forbidden" in kinds:
        key = str(location.path[-1])
        known = [*_known(model, location.path), *(STEP_KEYS if owner and len(location.path) == 1 else ())]
        fix = new_key(key, known) or did_you_mean(key, known, "it has no fields: remove it")
        yield Problem(location.key, f"unknown field {location.name(owner)!r}", fix)
    elif "missing" in kinds:
        names = [location.name(owner, details["loc"][len(location.path) :]) for details in errors]
        verb = "is missing and has" if len(names) == 1 else "are missing and have"
        fix = "add it" if len(names) == 1 else "add them"
        yield Problem(location.span, f"{', '.join(names)} {verb} no default", fix)
    elif not location.path:
        yield Problem(location.span, f"fields of {owner} contradict each other", _expectation(errors))
    else:
        default = _default(model, location.path)
        renamed = new_value(str(location.path[-1]), location.node.value)
        fix = renamed or _expectation(errors) + _quoting(location.node, kinds)
        fix += f"; the default is {default}" if default else ""
        yield Problem(location.span, f"{location.name(owner)} is {_value_text(location.node)}", fix)


def _expectation(errors: Sequence[ErrorDetails]) -> str:
    expected: list[str] = []
    for details in errors:
        kind, context = details["type"], details.get("ctx", {})
        if kind in {"value_error", "assertion_error"}:
            return str(context.get("error", details["msg"]))
        limits = {key: f"{value:g}" if isinstance(value, float) else value for key, value in context.items()}
        limit = _LIMITS[kind].format(**limits) if kind in _LIMITS else _EXPECTED.get(kind.partition("_")[0])
        expected.append(limit or details["msg"].removeprefix("Input should be "))
    return "expected " + " or ".join(dict.fromkeys(expected))


def _quoting(node: YamlNode, kinds: set[str]) -> str:
    value = node.value
    if "string_type" in kinds and isinstance(value, int | float):
        return ", so put it in quotes"
    number = isinstance(value, str) and value.lstrip("+-").replace(".", "", 1).isdigit()
    return ", so leave the quotes out" if number and kinds & {"int_type", "float_type"} else ""


def _value_text(node: YamlNode) -> str:
    value = node.value
    if value is None:
        return "empty"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, tuple):
        return "a list"
    if isinstance(value, str):
        return repr(value if len(value) <= SHORT else value[:SHORT] + "…")
    return json.dumps(value)


def _known(model: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    """Return the valid field names in place of the last part of ``path``, which is unknown."""
    if path[0] == FIELD and issubclass(model, ByLanguage):
        return list(model.language_fields())
    for part in path[:-1]:
        inner = model.model_fields[part].annotation if isinstance(part, str) and part in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)


def _default(model: type[BaseModel], path: Sequence[int | str]) -> str:
    info = model.model_fields.get(str(path[0])) if len(path) == 1 else None
    if info is None or info.is_required():
        return ""
    value = info.get_default(call_default_factory=True, validated_data={})
    text = "" if value is None else written(value)
    return text if len(text) <= SHORT else ""
