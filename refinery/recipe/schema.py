"""The JSON Schema of recipes, for editors: keys, fields of registered stages, values and their meaning.

It accepts each recipe that ``refinery check`` accepts. What it cannot know, ``check`` finds: the order of stages,
fields that contradict each other, names that are used twice, and fields of stages that are not registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from refinery.recipe.index_query import IndexQuery
from refinery.recipe.pipeline import Settings, plain
from refinery.recipe.shorthand import is_list
from refinery.stage import registry
from refinery.stage.base import Stage
from refinery.stage.by_language import CODE, FIELD, ByLanguage

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The version that editors know best."""

_KEYS: Schema = {
    "as": {
        "type": "string",
        "pattern": "^[a-z][a-z0-9_-]{0,39}$",
        "description": "name of the step, if not the stage's",
    },
    "write": {"type": "boolean", "description": "with `write: marked`: this stage writes Parquet"},
    "use": {"type": "string", "description": "module:Class of a stage that is not registered"},
}
_NOT_OURS = {"title", "role", "calibrated", "strictest", "ge", "gt", "le", "lt"}
"""Keywords of the models that are none of JSON Schema."""


def recipe_schema() -> Schema:
    """Return the schema of recipes with the registered stages. Raises UsageError for a broken one."""
    stages = {name: registry.stage_class(name) for name in registry.names()}
    definitions: Schema = {}
    properties = _model(Settings, definitions)["properties"]
    properties["inputs"]["anyOf"].append(_model(IndexQuery, definitions))
    properties["pipeline"] = {
        "description": "the stages in their order; the first is a source",
        "type": "array",
        "minItems": 1,
        "items": {"anyOf": [_bare(stages), {"$ref": "#/definitions/step"}]},
    }
    definitions |= {name: _stage(stage, definitions) for name, stage in stages.items()}
    definitions["step"] = _step(stages)
    return {
        "$schema": DRAFT,
        "title": "A recipe of refinery",
        "type": "object",
        "additionalProperties": False,
        "required": ["inputs", "root", "pipeline"],
        "properties": properties,
        "definitions": definitions,
    }


def _bare(stages: Mapping[str, type[Stage]]) -> Schema:
    return {"type": "string", "enum": list(stages), "description": "a stage with default fields"}


def _step(stages: Mapping[str, type[Stage]]) -> Schema:
    """Return the schema of ``stage: {field: value}``; a stage that ``use`` names may have any name and fields."""
    other: Schema = {"type": "object", "required": ["use"], "properties": _KEYS}
    named = {
        name: {
            "description": (stage.__doc__ or "").partition("\n")[0],
            "if": {"type": "object", "required": ["use"]},
            "then": other,
            "else": {"anyOf": [{"$ref": f"#/definitions/{name}"}, {"type": "null"}]},
        }
        for name, stage in stages.items()
    }
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": named,
        "additionalProperties": other,
    }


def _stage(stage: type[Stage], definitions: Schema) -> Schema:
    found = _model(stage, definitions)
    properties = found["properties"]
    if issubclass(stage, ByLanguage):
        numbers = {name: _without_default(properties[name]) for name in stage.language_fields()}
        own = {"type": "object", "additionalProperties": False, "properties": numbers}
        language = {f"^{CODE.pattern}$": own}
        table = {"type": "object", "additionalProperties": False, "patternProperties": language}
        properties[FIELD] = {**_without_default(properties[FIELD]), "type": ["string", "object"]}
        properties[FIELD] = {"description": properties[FIELD]["description"], "anyOf": [{"type": "string"}, table]}
        # A key may look like a code: `as`, `by`.
        found["patternProperties"] = {f"^(?!({'|'.join([*properties, *_KEYS])})$){CODE.pattern}$": own}
    found["properties"] = {**properties, **_KEYS}
    return found


def _model(model: type[BaseModel], definitions: Schema) -> Schema:
    """Return the schema of a model, with values as recipes have them: a single one for a list, defaults with units."""
    found: Schema = _cleaned(model.model_json_schema(ref_template="#/definitions/{model}"))
    definitions |= found.pop("$defs", {})
    for name, info in model.model_fields.items():
        schema = found["properties"][name]
        if is_list(model, name, None):
            schema = _single_or_list(schema)
        if "default" in schema:
            schema = {**schema, "default": plain(info.get_default(call_default_factory=True))}
        found["properties"][name] = schema
    return found


def _single_or_list(schema: Schema) -> Schema:
    """Return the schema with each list also as the single value of it."""
    kinds = schema.get(
        "anyOf", [{key: value for key, value in schema.items() if key not in {"default", "description"}}]
    )
    singles = [kind["items"] for kind in kinds if kind.get("type") == "array" and isinstance(kind.get("items"), dict)]
    rest = {key: value for key, value in schema.items() if key in {"default", "description"}}
    return {**rest, "anyOf": [*kinds, *(single for single in singles if single not in kinds)]}


def _without_default(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key != "default"}


def _cleaned(value: Any, *, names: bool = False) -> Any:
    """Return a schema without keywords that are not of JSON Schema, and with tuples as draft 7 writes them."""
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if not isinstance(value, dict):
        return value
    if names:  # the keys are names of fields
        return {name: _cleaned(schema) for name, schema in value.items()}
    kept = {("items" if key == "prefixItems" else key): item for key, item in value.items() if key not in _NOT_OURS}
    return {key: _cleaned(item, names=key in {"properties", "$defs"}) for key, item in kept.items()}
