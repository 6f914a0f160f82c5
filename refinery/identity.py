"""Identities of results: canonical JSON, stage identity, part keys, content ids and the code digest.

Identities decide what a run recomputes. The code digest only detects that a stage's code changed while its version did
not.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib import metadata
from typing import Any, cast

import msgspec
import pyarrow as pa
from pydantic import BaseModel

from refinery.assets import Asset
from refinery.errors import UsageError
from refinery.kernels import ContentHashes
from refinery.stage.base import Stage
from refinery.stage.global_stage import Global
from refinery.stage.ordered import Ordered

_STAGES = "refinery.stages"

_RENAMED = ((_STAGES, "stages"), ("crawl-refinery[", "refinery["))
"""Names in the code of stages, and their names in the code digests of existing roots: of the package, and of extras."""

FORMAT = 4
"""Version of the layout and meaning of a root's files; part of every key."""


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def canonical(value: Any) -> bytes:
    """Encode as JSON with sorted keys and no spaces. Raises TypeError or ValueError for NaN and sets."""
    return _ENCODER.encode(value).encode("utf-8", "surrogatepass")


def digest(value: Any) -> str:
    """Return 32 hexadecimal digits that identify a JSON value."""
    return hashlib.blake2b(canonical(value), digest_size=16).hexdigest()


def part_key(identity: str, contents: Iterable[str]) -> str:
    """Return the key of a part: a hash of the stage's identity and the content ids of its input."""
    return hashlib.blake2b(_keyed(identity, contents), digest_size=16).hexdigest()


def _keyed(identity: str, contents: Iterable[str]) -> bytes:
    """Return what keys are hashes of."""
    ids = list(contents)
    value = [FORMAT, identity, ids]
    # The same bytes as those of ``canonical``, in a quarter of the time: a planner has millions of keys.
    return msgspec.json.encode(value) if "".join(ids).isascii() else canonical(value)


class CommonContents:
    """Content ids that are the last ones of many keys. They are encoded once: a round has as many as the run has parts.

    ``id`` stands for all of them in receipts.

    CommonContents(ids).key(identity, own)  # part_key(identity, [*own, *ids])
    """

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self.ids = tuple(ids)
        self.id = digest(self.ids)
        self._end = (b"," if self.ids else b"") + canonical(self.ids)[1:-1] + b"]]"

    def key(self, identity: str, own: Iterable[str]) -> str:
        """Return the key of a part whose input are ``own`` contents, at least one, and these."""
        key = hashlib.blake2b(_keyed(identity, own)[:-2], digest_size=16)
        key.update(self._end)
        return key.hexdigest()


# ---------------------------------------------------------------------------------------------------- stage identity


def configuration(stage: Stage) -> dict[str, Any]:
    """Return the fields that affect the stage's result as JSON values; assets by digest, without tuning fields."""
    fields = stage.model_dump(mode="json", exclude=set(stage.roles("tuning")))
    return {name: _with_digests(getattr(stage, name), value) for name, value in fields.items()}


def _with_digests(value: Any, dumped: Any) -> Any:
    if isinstance(value, Asset):
        return {"sha256": value.digest()}
    if isinstance(value, (tuple, list)):
        return [_with_digests(v, d) for v, d in zip(value, dumped, strict=True)]
    if isinstance(value, BaseModel):
        return {name: _with_digests(getattr(value, name), d) for name, d in dumped.items()}
    if isinstance(value, Mapping):
        return {name: _with_digests(v, d) for v, (name, d) in zip(value.values(), dumped.items(), strict=True)}
    if isinstance(value, (set, frozenset)):
        raise UsageError("a set has no fixed order and cannot be a stage's field", hint="use a tuple")
    return dumped


def identity(stage: Stage) -> str:
    """Return the identity of the stage's kept and removed rows, given its input."""
    return digest([_base(stage), configuration(stage)])


def measure_identity(stage: Stage) -> str:
    """Return the identity of the stage's metrics: everything except the thresholds of its rules."""
    thresholds = stage.roles("threshold")
    return digest(["measure", _base(stage), {k: v for k, v in configuration(stage).items() if k not in thresholds}])


def rounds_identity(stage: Global) -> str:
    """Return the identity of the verdicts of a global stage, given its map: everything except thresholds."""
    thresholds = stage.roles("threshold")
    return digest([_base(stage), {k: v for k, v in configuration(stage).items() if k not in thresholds}])


def map_identity(stage: Global) -> str:
    """Return the identity of the map of a global stage."""
    return digest(["map", _base(stage), _some(stage, stage.map_fields)])


def order_identity(stage: Ordered, columns: pa.Schema) -> str:
    """Return the identity of the sorted runs of a stage with an order of its own."""
    return digest(["order", stage.name, _some(stage, stage.order_fields), columns.names])


def reduce_identity(stage: Global) -> str:
    """Return the identity of the first round of a global stage, given its map."""
    return digest(["reduce", _base(stage), _some(stage, (*stage.map_fields, *stage.reduce_fields))])


def _some(stage: Stage, names: Iterable[str]) -> dict[str, Any]:
    fields = configuration(stage)
    return {name: fields[name] for name in sorted(names) if name in fields}


def _base(stage: Stage) -> list[Any]:
    return [stage.name, stage.version, library_versions(stage)]


def library_versions(stage: Stage) -> dict[str, str]:
    """Return the versions of the distributions whose code affects the stage's output."""
    return {name: _version(name) for name in stage.depends} | stage.versions()


@cache
def _version(name: str) -> str:
    """Return the version of an installed distribution; cached, because every receipt contains it."""
    return metadata.version(name)


# ------------------------------------------------------------------------------------------------------- code digest


def code_digest(stage: Stage) -> str:
    """Hash the syntax of the stage's module and of its imports from its own package and the kernels.

    Comments, docstrings and layout have no effect.
    """
    module = type(stage).__module__
    own = _STAGES if module.startswith(f"{_STAGES}.") else module.partition(".")[0]
    return _closure_digest(module, (own, "refinery.kernels"))


@lru_cache(maxsize=256)
def _closure_digest(module: str, packages: tuple[str, ...]) -> str:
    seen: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen[name], imported = _code_of(name)
        waiting += [n for n in imported if any(n == p or n.startswith(f"{p}.") for p in packages)]
    code = sorted((_with_old_names(name), syntax) for name, syntax in seen.items())
    return hashlib.blake2b(canonical(code), digest_size=16).hexdigest()


def _with_old_names(code: str) -> str:
    for name, old in _RENAMED:
        code = code.replace(name, old)
    return code


@cache
def _code_of(module: str) -> tuple[str, tuple[str, ...]]:
    """Return a module's syntax and its imports; cached, because stages share most modules."""
    tree = _syntax(module)
    return ("", ()) if tree is None else (_with_old_names(_dump(tree)), tuple(_imports(tree, module)))


def _dump(tree: ast.Module) -> str:
    """Return the syntax as Python 3.11 writes it: later versions add empty type parameters and omit empty lists."""
    whole: dict[str, Any] = {"show_empty": True} if sys.version_info >= (3, 13) else {}
    return ast.dump(tree, **whole).replace(", type_params=[]", "")


def _syntax(name: str) -> ast.Module | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None  # ``name`` of ``from module import name`` is often not a module; native modules may not be built
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    with open(spec.origin, encoding="utf-8") as stream:
        tree = ast.parse(stream.read())
    return cast(ast.Module, _WithoutStrings().visit(tree))


class _WithoutStrings(ast.NodeTransformer):
    """Drops strings that are statements: docstrings, and those that describe a constant or a field."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_string = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_string else node


def _imports(tree: ast.Module, module: str) -> list[str]:
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module)
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return found


def _absolute(node: ast.ImportFrom, module: str) -> str:
    """Return the module that a ``from … import`` in ``module`` refers to."""
    if not node.level:
        return node.module or ""
    spec = importlib.util.find_spec(module)
    package = spec.parent if spec is not None and spec.parent else ""
    return importlib.util.resolve_name("." * node.level + (node.module or ""), package)


def defined_in(stage: Stage) -> str:
    """Return the file and line of a stage's definition, for messages."""
    return f"{inspect.getsourcefile(type(stage))}:{inspect.getsourcelines(type(stage))[1]}"


# -------------------------------------------------------------------------------------------------------- content ids


class Content:
    """Content id of a table that is fed batch by batch: equal rows have equal ids for any split into batches.

    Names, types, values and order have an effect. Slices, dictionaries, null bitmaps and bytes of nulls have none.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._hashes = ContentHashes(schema)
        self.rows = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Add rows. Raises ValueError if the schema differs."""
        if batch.schema != self._schema:
            raise ValueError(f"schema differs from the declared one:\n{batch.schema}\n---\n{self._schema}")
        self.rows += batch.num_rows
        self._hashes.update(batch)

    def id(self) -> str:
        """Return the id: 32 hexadecimal digits."""
        fields = [[f.name, _spelling(f.type), f.nullable] for f in self._schema]
        return digest([fields, self.rows, self._hashes.digests()])


def _spelling(kind: pa.DataType) -> str:
    """Return the type's name without the names of list items, which Parquet does not keep."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list<{_spelling(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{', '.join(f'{field.name}: {_spelling(field.type)}' for field in kind)}>"
    return str(kind)


def versions_changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return ``name old → new`` for each library whose version differs."""
    names = sorted({*before, *now})
    return [f"{n} {before.get(n, '–')} → {now.get(n, '–')}" for n in names if before.get(n) != now.get(n)]
