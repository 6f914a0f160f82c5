"""Keys of a step that are language codes: ``quality: {thresholds: table, de: {min_words: 40}}``.

They become parts of the field ``thresholds``, whose table is read here, so that the recipe of a root has the numbers.
Not here: the checks of codes, fields and numbers, which the stage does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic import BaseModel

from refinery.errors import UsageError
from refinery.recipe import consent
from refinery.recipe.problems import SourceSpan
from refinery.recipe.strict_yaml import YamlNode
from refinery.stage.by_language import CODE, FIELD, ByLanguage, Thresholds


def with_thresholds(node: YamlNode, model: type[BaseModel], *, stored: bool) -> YamlNode:
    """Return the fields of a step with all thresholds by language under ``thresholds``; those of a key override others.

    Raises UsageError for a table that cannot be read. A ``stored`` recipe, one of a root, contains the numbers, so it
    names none.
    """
    if not issubclass(model, ByLanguage):
        return node
    keys = [key for key, value in node.mapping.items() if key not in model.model_fields and _is_language(key, value)]
    given = node.mapping.get(FIELD)
    if given is None and not keys:
        return node
    base = YamlNode(node.span, {}) if given is None else _expanded(given, model, stored=stored)
    if base.mapping or base.value == {}:
        for key in keys:
            base = _merged(base, key, node)
    values = {key: value for key, value in node.mapping.items() if key not in keys} | {FIELD: base}
    return replace(node, value=values, keys={FIELD: base.span, **node.keys})


def _is_language(key: str, value: YamlNode) -> bool:
    return bool(CODE.fullmatch(key)) or isinstance(value.value, Mapping)


def _expanded(given: YamlNode, model: type[ByLanguage], *, stored: bool) -> YamlNode:
    """Return the thresholds of a place, each with the span of the place; a mapping as it is."""
    if not isinstance(given.value, str):
        return given
    if stored and given.span.text.is_file:
        raise UsageError(f"a root's recipe must not open the tables {given.value[:80]!r}", hint=consent.HINT)
    return _tree(given.span, model.load_thresholds(given.value))


def _tree(span: SourceSpan, values: Thresholds) -> YamlNode:
    codes = {
        code: YamlNode(
            span, {name: YamlNode(span, number) for name, number in numbers.items()}, dict.fromkeys(numbers, span)
        )
        for code, numbers in values.items()
    }
    return YamlNode(span, codes, dict.fromkeys(codes, span))


def _merged(base: YamlNode, key: str, node: YamlNode) -> YamlNode:
    """Add the fields of a language to the base."""
    own, old = node.mapping[key], base.mapping.get(key)
    if old is not None and isinstance(own.value, Mapping):
        if not isinstance(old.value, Mapping):
            return base  # its problem is reported
        own = replace(own, value={**old.mapping, **own.mapping}, keys={**old.keys, **own.keys})
    return replace(base, value={**base.mapping, key: own}, keys={**base.keys, key: node.keys[key]})
