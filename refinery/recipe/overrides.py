"""``--set key=value`` replaces a value of the recipe before it is checked, so that errors quote the option.

``key`` is ``stage.field`` (the instance name), ``executor.field`` and the like, or a key of the recipe.
The value is YAML, except for paths and the dataset's name, which are used verbatim.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pydantic import BaseModel

from refinery.errors import UsageError, nearest
from refinery.recipe.pipeline import ExecutorSettings, Prices, Settings, StorageSettings
from refinery.recipe.problems import Problem, SourceSpan, SourceText
from refinery.recipe.strict_yaml import YamlNode, read
from refinery.stage.registry import stage_class

_GROUPS: dict[str, type[BaseModel]] = {"executor": ExecutorSettings, "storage": StorageSettings, "prices": Prices}
"""Keys of the recipe whose values are mappings."""

VERBATIM = ("dataset", "inputs", "root")
OPTION = "--set"


def override(root: YamlNode, overrides: Iterable[str]) -> tuple[YamlNode, list[Problem]]:
    """Return the recipe with the values of ``overrides`` (``key=value``), and the problems in them.

    Raises RecipeError if a value is not YAML.
    """
    problems: list[Problem] = []
    seen: set[str] = set()
    for argument in overrides:
        text = SourceText(OPTION, argument, is_file=False)
        key, equals, _ = argument.partition("=")
        span = SourceSpan(text, 0, len(key))
        if not equals or not key:
            problems.append(Problem(span, "no value to set", "expected key=value, as in quality.min_words=80"))
        elif key in seen:
            problems.append(Problem(span, f"{key[:80]!r} is set twice", "keep one"))
        else:
            seen.add(key)
            root = _set(root, key, text, problems)
    return root, problems


def replace_root(root: YamlNode, path: str, problems: list[Problem]) -> YamlNode:
    """Return the recipe with the ``root`` of ``--root``."""
    span = SourceSpan(SourceText("--root", path, is_file=False), 0, len(path))
    return _with(root, "root", span, _verbatim(span, problems))


def _verbatim(span: SourceSpan, problems: list[Problem]) -> YamlNode:
    value = span.text.content[span.start : span.end]
    try:
        value.encode()
    except UnicodeEncodeError:
        problems.append(Problem(span, "not UTF-8", "rename the path"))
        value = ascii(value)
    return YamlNode(span, value)


def _set(root: YamlNode, key: str, text: SourceText, problems: list[Problem]) -> YamlNode:
    head, dot, tail = key.partition(".")
    name = SourceSpan(text, len(head) + 1 if dot else 0, len(key))
    start = len(key) + 1
    if key in VERBATIM:
        return _with(root, key, name, _verbatim(SourceSpan(text, start, len(text.content)), problems))
    if not text.content[start:].strip():
        problems.append(Problem(SourceSpan(text, start, start), "no value to set", "null removes a value"))
        return root
    value, wrong = read(text, start)
    problems += wrong
    if key in Settings.model_fields and key not in _GROUPS:
        return _with(root, key, name, value)
    if head in _GROUPS and tail in _GROUPS[head].model_fields:
        old = root.mapping.get(head) or YamlNode(name, {})
        return _with(root, head, root.keys.get(head, name), _with(old, tail, name, value))
    steps = _steps(root)
    if dot and head in steps and tail not in ("", "as", "use"):
        return _set_field(root, steps[head], tail, name, value, problems)
    known = [
        *(n for n in Settings.model_fields if n not in _GROUPS),
        *(f"{group}.{n}" for group, model in _GROUPS.items() for n in model.model_fields),
    ]
    known += [f"{name}.{field}" for name, number in steps.items() for field in _fields(root, number) or [tail]]
    listed = f"expected a key of the recipe, or STEP.FIELD; steps are {', '.join(steps) or 'none'}"
    problems.append(Problem(SourceSpan(text, 0, len(key)), f"unknown key {key[:80]!r}", nearest(key, known) or listed))
    return root


def _fields(root: YamlNode, number: int) -> list[str]:
    """Return the fields of a step's stage; none if the stage is unknown."""
    steps = root.mapping["pipeline"]
    assert isinstance(steps.value, tuple)
    ((kind, body),) = steps.value[number].mapping.items()
    try:
        return [] if "use" in body.mapping else list(stage_class(kind).model_fields)
    except UsageError:
        return []  # reported as a problem of the recipe itself


def _set_field(
    root: YamlNode, number: int, name: str, span: SourceSpan, value: YamlNode, problems: list[Problem]
) -> YamlNode:
    """Set a field, or the one of a language: ``de.min_words``."""
    steps = root.mapping["pipeline"]
    assert isinstance(steps.value, tuple)
    step = steps.value[number]
    ((key, body),) = step.mapping.items()
    outer, dot, inner = name.partition(".")
    if dot:
        old = body.mapping.get(outer, YamlNode(span, {}))
        if not inner or not isinstance(old.value, Mapping):
            problems.append(Problem(span, f"{outer[:80]!r} has no fields", "expected STEP.LANGUAGE.FIELD=VALUE"))
            return root
        value = _with(old, inner, span, value)
    changed = _with(step, key, step.keys[key], _with(body, outer, body.keys.get(outer, span), value))
    items = (*steps.value[:number], changed, *steps.value[number + 1 :])
    return _with(root, "pipeline", root.keys["pipeline"], replace(steps, value=items))


def _steps(root: YamlNode) -> dict[str, int]:
    """Return positions of well-formed steps by instance name; malformed ones are reported later."""
    positions: dict[str, int] = {}
    pipeline = root.mapping.get("pipeline")
    for number, step in enumerate(pipeline.value if pipeline and isinstance(pipeline.value, tuple) else ()):
        for key, body in step.mapping.items() if len(step.mapping) == 1 else ():
            alias = body.mapping["as"].value if "as" in body.mapping else key
            if body.value is None or body.mapping or body.value == {}:
                positions.setdefault(str(alias), number)
    return positions


def _with(node: YamlNode, key: str, span: SourceSpan, value: YamlNode) -> YamlNode:
    return replace(node, value={**node.mapping, key: value}, keys={**node.keys, key: span})
