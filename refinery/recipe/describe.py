"""Declarations of stages and recipes as plain data, for the verb ``stages`` and the reference pages."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ByteSize, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from refinery.assets import Asset
from refinery.recipe import plain, written
from refinery.stage.base import Stage
from refinery.stage.by_language import ByLanguage
from refinery.stage.registry import kind

_WORDS: dict[object, str] = {
    Asset: "asset",
    ByteSize: "size",
    timedelta: "duration",
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    type(None): "null",
}
_LIMITS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def summary(stage: type[Stage]) -> str:
    """Return the first line of the stage's docstring."""
    return (stage.__doc__ or "").strip().partition("\n")[0]


def describe(stage: type[Stage]) -> dict[str, Any]:
    """Return a stage's declarations as JSON values; rules have the default thresholds."""
    return {
        "name": stage.name,
        "kind": kind(stage),
        "version": stage.version,
        "about": "\n".join(line.strip() for line in (stage.__doc__ or "").strip().splitlines()),
        "source": stage.source,
        "reads": list(stage.reads),
        "uses": list(stage.uses),
        "adds": [_column(field) for field in stage.adds],
        "drops": list(stage.drops),
        "depends": list(stage.depends),
        "fields": fields(stage),
        "metrics": [
            {"name": m.name, "type": str(m.type), "scale": m.scale, "unit": m.unit, "help": m.help}
            for m in stage.metrics
        ],
        "evidence": [_column(field) for field in stage.evidence],
        "rules": _rules(stage),
    }


def fields(model: type[BaseModel]) -> list[dict[str, Any]]:
    """Return type, limits, default, role and description of each field of a stage or of another part of a recipe.

    Fields ``by_language`` may have another value for a language.
    """
    own = model.language_fields() if issubclass(model, ByLanguage) else ()
    return [_field(name, info) | {"by_language": name in own} for name, info in model.model_fields.items()]


def _column(field: Any) -> dict[str, str]:
    return {"name": field.name, "type": str(field.type)}


def _field(name: str, info: FieldInfo) -> dict[str, Any]:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    required = info.is_required()
    default = None if required else info.get_default(call_default_factory=True, validated_data={})
    return {
        "name": name,
        "type": type_words(info.annotation),
        "limits": [
            f"{sign} {_limit(getattr(limit, key), info.annotation)}"
            for limit in info.metadata
            for key, sign in _LIMITS.items()
            if getattr(limit, key, PydanticUndefined) is not PydanticUndefined and getattr(limit, key) is not None
        ],
        "required": required,
        "default": plain(default),
        "written": "" if required else written(default),
        "help": info.description or "",
        "role": extra.get("role", ""),
    }


def _limit(value: Any, annotation: Any) -> str:
    return written(ByteSize(value)) if annotation is ByteSize else written(value)


def type_words(annotation: Any) -> str:
    """Return a field's type in the words of the recipe page: ``list of text``, ``gpt2 | words``."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return type_words(arguments[0])
    if origin is Literal:
        return " | ".join(str(choice) for choice in arguments)
    if origin in {typing.Union, types.UnionType}:
        return " | ".join(type_words(argument) for argument in arguments)
    if origin in {tuple, list, set, frozenset}:
        return f"list of {type_words(arguments[0])}"
    if origin in {dict, Mapping} or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return "mapping"
    return _WORDS.get(annotation, str(getattr(annotation, "__name__", annotation)))


def _rules(stage: type[Stage]) -> list[dict[str, str]]:
    try:
        rules = stage().rules()
    except ValidationError:
        return []  # a stage with required fields has no default configuration
    return [
        {"id": r.id, "metric": r.metric, "threshold": r.threshold, "because": r.because, "damage": r.damage}
        for r in rules
    ]
