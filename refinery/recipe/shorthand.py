"""Fills in what a recipe may omit: the fields of a step, the brackets of a list of one, the name of the dataset.

Not here: the meaning of the values.
"""

from __future__ import annotations

import posixpath
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import replace

from pydantic import BaseModel

from refinery.recipe.problems import SourceSpan
from refinery.recipe.strict_yaml import YamlNode

_ENDINGS = (".yaml", ".yml", ".json")


def expanded(root: YamlNode, *, stored: bool) -> YamlNode:
    """Return the recipe with a mapping for each step (``- warc`` is ``- warc: {}``), and with a dataset.

    The dataset has the name of the recipe's file. A ``stored`` recipe, that of a root, always contains its own.
    """
    if not root.mapping:
        return root
    values = dict(root.mapping)
    pipeline = values.get("pipeline")
    if pipeline is not None and isinstance(pipeline.value, tuple):
        values["pipeline"] = replace(pipeline, value=tuple(map(_step, pipeline.value)))
    if "dataset" not in values and not stored and root.span.text.is_file:
        start = SourceSpan(root.span.text, root.span.start, root.span.start + 1)
        values["dataset"] = YamlNode(start, dataset_name(root.span.text.name))
    return replace(root, value=values)


def dataset_name(path: str) -> str:
    """Return a dataset's name for its recipe's file: ``my-crawl`` for ``my crawl.yaml``."""
    name = posixpath.basename(path)
    stem = next((name.removesuffix(ending) for ending in _ENDINGS if name.endswith(ending)), name)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).lstrip("._-")[:100] or "dataset"


def listed_fields(node: YamlNode, model: type[BaseModel]) -> YamlNode:
    """Return the fields with a list of one for each single value where ``model`` requires a list."""
    values = {
        name: YamlNode(value.span, (value,)) if _is_single(value) and is_list(model, name, value.value) else value
        for name, value in node.mapping.items()
    }
    return replace(node, value=values)


def _step(item: YamlNode) -> YamlNode:
    if not isinstance(item.value, str) or item.bad:
        return item
    end = SourceSpan(item.span.text, item.span.end, item.span.end)
    return YamlNode(item.span, {item.value: YamlNode(end, None)}, {item.value: item.span})


def _is_single(node: YamlNode) -> bool:
    return node.value is not None and not isinstance(node.value, Mapping | tuple)


def is_list(model: type[BaseModel], name: str, value: object) -> bool:
    """Return True if the field is a list, or a list and words of its own (``all``) of which the value is none."""
    field = model.model_fields.get(name)
    annotation = field.annotation if field else None
    choices = typing.get_args(annotation) if typing.get_origin(annotation) in _UNIONS else (annotation,)
    kinds = [choice.__origin__ if typing.get_origin(choice) is typing.Annotated else choice for choice in choices]
    words = {word for kind in kinds if typing.get_origin(kind) is typing.Literal for word in typing.get_args(kind)}
    return value not in words and any(typing.get_origin(kind) in {tuple, list} for kind in kinds)


_UNIONS = {typing.Union, types.UnionType}
