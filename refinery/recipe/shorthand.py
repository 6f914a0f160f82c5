"""Parts that a recipe may leave out: the fields of a step, the brackets of a list of one, the name of the dataset.

Not here: what the values mean.
"""

from __future__ import annotations

import posixpath
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import replace

from pydantic import BaseModel

from refinery.recipe.problems import Span
from refinery.recipe.strict_yaml import Node

_ENDINGS = (".yaml", ".yml", ".json")


def written_out(root: Node, *, stored: bool) -> Node:
    """The recipe with a mapping for each step, and with a dataset: ``- warc`` is ``- warc: {}``.

    The dataset is called as the recipe's file is. A ``stored`` recipe, that of a root, always names its own.
    """
    if not root.mapping:
        return root
    values = dict(root.mapping)
    pipeline = values.get("pipeline")
    if pipeline is not None and isinstance(pipeline.value, tuple):
        values["pipeline"] = replace(pipeline, value=tuple(map(_step, pipeline.value)))
    if "dataset" not in values and not stored and root.span.text.is_file:
        start = Span(root.span.text, root.span.start, root.span.start + 1)
        values["dataset"] = Node(start, dataset_name(root.span.text.name))
    return replace(root, value=values)


def dataset_name(path: str) -> str:
    """A dataset's name after its recipe's file: ``my crawl.yaml`` gives ``my-crawl``."""
    name = posixpath.basename(path)
    stem = next((name.removesuffix(ending) for ending in _ENDINGS if name.endswith(ending)), name)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).lstrip("._-")[:100] or "dataset"


def listed_fields(node: Node, model: type[BaseModel]) -> Node:
    """The fields with each single value that stands where ``model`` wants a list as a list of one."""
    values = {
        name: Node(value.span, (value,)) if _is_single(value) and _wants_list(model, name) else value
        for name, value in node.mapping.items()
    }
    return replace(node, value=values)


def _step(item: Node) -> Node:
    if not isinstance(item.value, str) or item.bad:
        return item
    end = Span(item.span.text, item.span.end, item.span.end)
    return Node(item.span, {item.value: Node(end, None)}, {item.value: item.span})


def _is_single(node: Node) -> bool:
    return node.value is not None and not isinstance(node.value, Mapping | tuple)


def _wants_list(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields.get(name)
    annotation = field.annotation if field else None
    choices = typing.get_args(annotation) if typing.get_origin(annotation) in _UNIONS else (annotation,)
    return any(typing.get_origin(choice) in {tuple, list} for choice in choices)


_UNIONS = {typing.Union, types.UnionType}
