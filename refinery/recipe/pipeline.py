"""A valid recipe as typed values, and their form in a recipe.

Not here: reading YAML and reporting its problems.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    InstanceOf,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from refinery.recipe.index_query import IndexQuery
from refinery.recipe.problems import SourceSpan
from refinery.stage.base import Source, Stage
from refinery.stage.cuts import moves_marks
from refinery.stage.documents import STRUCTURE, lost_marks, metrics_column

_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")
_PERCENT = re.compile(r"([0-9]{1,3})%")
_DATASET = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
_size = TypeAdapter(ByteSize)

_Path = Annotated[str, Field(min_length=1)]
_Paths = Annotated[tuple[_Path, ...], Field(min_length=1)]
_Memory = Annotated[str, Field(pattern=r"^(100|[1-9][0-9]?)%$|^ *[0-9.]+ *[A-Za-z]+$")]
_Share = Annotated[str, Field(pattern=f"^{_SHARE.pattern}$")]


def _memory(value: object) -> object:
    if not isinstance(value, str) or value.isdigit():
        raise ValueError("expected a share of the machine or a size, with a unit: 80%, 12GiB")
    percent = _PERCENT.fullmatch(value)
    if percent and not 1 <= int(percent[1]) <= 100:
        raise ValueError("expected 1% to 100%")
    if not percent:
        _size.validate_python(value)
    return value


def byte_size(text: str) -> int:
    """Return the bytes of a size with a unit: ``64MiB``, ``1TB``; 0 for other text."""
    try:
        return int(_size.validate_python(text.replace(" ", "")))
    except ValidationError:
        return 0


def percent_of(written: object) -> float:
    """Return the number, from 0 to 100, in a share such as ``5%``. Raises ValueError for anything else."""
    match = _SHARE.fullmatch(written) if isinstance(written, str) else None
    if match is None or float(match[1]) > 100:
        raise ValueError("expected 0% to 100%: 5%, 0.1%")
    return float(match[1])


def _share(value: object) -> object:
    percent_of(value)
    return value


def _dataset(value: str) -> str:
    if not re.fullmatch(_DATASET, value):
        raise ValueError("expected up to 100 letters, digits and . _ - that begin with a letter or digit")
    return value


def _inputs(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


class ExecutorSettings(BaseModel):
    """Executor of tasks, and its share of the machine. It never changes a result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["local", "ray"] = Field("local", description="local: processes on this machine; ray: a cluster")
    address: str = Field("auto", min_length=1, description="Ray cluster as host:port; auto: the one of this machine")
    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto", description="number of worker processes; auto: one per core, or as many as fit the Ray cluster"
    )
    memory: Annotated[str, BeforeValidator(_memory, json_schema_input_type=_Memory)] = Field(
        "80%", description="memory of all workers together: a share of the machine, or a size such as 12GiB"
    )
    batch: int = Field(1000, ge=1, le=100_000, description="documents in one batch")

    def processes(self) -> int | None:
        """Return the number of worker processes; None if a Ray cluster decides."""
        if self.workers != "auto" or self.kind == "ray":
            return None if self.workers == "auto" else self.workers
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def memory_bytes(self, total: int) -> int:
        """Return the memory for all workers together on a machine, or node, with ``total`` bytes."""
        percent = _PERCENT.fullmatch(self.memory)
        return total * int(percent[1]) // 100 if percent else int(_size.validate_python(self.memory))


class StorageSettings(BaseModel):
    """Address and access of ``s3://``. Each overrides its environment variable; secrets stay in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str = Field("", description="address of a store other than Amazon's; default: AWS_ENDPOINT_URL_S3")
    region: str = Field("", description="region of the buckets; default: AWS_REGION")
    profile: str = Field("", description="section of ~/.aws with the credentials; default: AWS_PROFILE")
    anonymous: bool = Field(False, description="do not sign requests, for public buckets; default: AWS_NO_SIGN_REQUEST")


class Prices(BaseModel):
    """Prices of computing, storage and requests, for the costs in ``plan``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    core_hour: float | None = Field(None, ge=0, description="price of one core for one hour")
    gb_month: float | None = Field(None, ge=0, description="price of 10^9 bytes stored for one month")
    put_1000: float | None = Field(None, ge=0, description="price of 1,000 requests that write or list")
    get_1000: float | None = Field(None, ge=0, description="price of 1,000 requests that read")
    currency: str = Field("USD", min_length=1, max_length=10, description="currency of the prices, for the output")


@dataclass(frozen=True)
class Step:
    """One stage of a pipeline under its instance name; ``use`` is the ``module:Class`` of an unregistered one."""

    name: str
    stage: Stage
    write: bool = False
    use: str = ""

    @property
    def column(self) -> str:
        """Name of the struct column with the stage's metrics."""
        return metrics_column(self.name)

    def lost_marks(self, columns: Sequence[str]) -> list[pa.Field]:
        """Return the column of the marks that the stage's cuts lose, if one of the columns it gets is a structure."""
        moves = STRUCTURE.name in columns and moves_marks(self.stage.added(), self.stage.evidence)
        return [lost_marks(self.column)] if moves else []


class Settings(BaseModel):
    """The keys of a recipe beside its pipeline. Relative paths are relative to the current folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Annotated[str, AfterValidator(_dataset), WithJsonSchema({"type": "string", "pattern": _DATASET})] = Field(
        description="name of the data set: up to 100 letters, digits and . _ -; a root keeps to one data set"
    )
    inputs: Annotated[tuple[_Path, ...], BeforeValidator(_inputs, json_schema_input_type=_Path | _Paths)] = Field(
        min_length=1,
        description="files to read: paths, globs, folders, or lists of paths; or records of an index, see below",
    )
    gather_inputs: ByteSize | None = Field(
        None,
        gt=0,
        description="put small files together into parts of about this size, such as 256MiB; null: one file a part",
    )
    root: str = Field(min_length=1, description="folder of all output: a local path or s3://bucket/folder")
    write: Literal["every", "marked", "last"] = Field(
        "every", description="stages that write Parquet: every stage, those with write: true (marked), or only the last"
    )
    keep_removed: Literal["metrics", "sample", "text", "counts"] = Field(
        "metrics",
        description="stored about removed documents: metrics (with the reason), sample (also the text of 1 %), "
        "text (also all texts), counts (no rows, only their number)",
    )
    audit: int = Field(
        0,
        ge=0,
        description="process 1 document in this many with all row stages, to count what each rule alone removes",
    )
    max_broken_inputs: Annotated[str, BeforeValidator(_share, json_schema_input_type=_Share)] = Field(
        "5%",
        description="exit with code 1 if more input files than this are broken: without a document, truncated, or with "
        "1 % or more of their records damaged",
    )
    executor: ExecutorSettings = Field(ExecutorSettings(), description="executor of tasks; see below")
    storage: StorageSettings = Field(StorageSettings(), description="access to s3://; see below")
    prices: Prices = Field(Prices(), description="prices for the costs in `plan`; see below")


@dataclass(frozen=True)
class Locations:
    """Spans of a recipe's values by key: ``root``, ``inputs[0]``, ``quality.min_words``, ``url.blocklists[1]``."""

    spans: Mapping[str, SourceSpan] = field(default_factory=dict, compare=False, repr=False)

    def of(self, key: str) -> SourceSpan | None:
        """Return the span of a value, or of the innermost one around it; None if the recipe has neither."""
        while key and key not in self.spans:
            key = key[: max(key.rfind("["), key.rfind("."), 0)]
        return self.spans.get(key)


class Pipeline(Settings):
    """A valid recipe: settings and stages in their order. Immutable and picklable."""

    steps: tuple[InstanceOf[Step], ...]
    overrides: tuple[str, ...] = ()
    """Applied ``key=value`` arguments of the command line, for the run's record."""
    query: IndexQuery | None = None
    """The records to read, where ``inputs`` is an index of archives."""
    locations: InstanceOf[Locations] = Locations()
    """Spans of the values, for errors. They do not count when pipelines are compared."""

    @property
    def source(self) -> Source:
        """Return the first stage."""
        first = self.steps[0].stage
        assert isinstance(first, Source)
        return first


def recipe_dict(pipeline: Pipeline) -> dict[str, Any]:
    """Return all values that decide the result and the exit code, as a recipe in JSON values.

    It omits ``root`` (a root may be moved), the executor, the storage, the prices and fields declared ``tuning``.
    """
    return {
        "dataset": pipeline.dataset,
        "inputs": plain(pipeline.query) if pipeline.query else list(pipeline.inputs),
        **({"gather_inputs": plain(pipeline.gather_inputs)} if pipeline.gather_inputs else {}),
        "write": pipeline.write,
        "keep_removed": pipeline.keep_removed,
        "audit": pipeline.audit,
        "max_broken_inputs": pipeline.max_broken_inputs,
        "pipeline": [{step.stage.name: _step_dict(step)} for step in pipeline.steps],
    }


def _step_dict(step: Step) -> dict[str, Any]:
    stage = step.stage
    fields = [name for name in type(stage).model_fields if name not in stage.roles("tuning")]
    written: dict[str, Any] = {name: plain(getattr(stage, name)) for name in fields}
    written |= {"as": step.name} if step.name != stage.name else {}
    written |= {"write": True} if step.write else {}
    return written | ({"use": step.use} if step.use else {})


def plain(value: object) -> Any:  # noqa: PLR0911 - one per kind of value
    """Return a field's value as JSON. Raises TypeError for a value without a unique form."""
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in sorted(value.items())}
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, bool) or value is None:
        return value
    for known in (str, int, float):
        if isinstance(value, known):
            return known(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise TypeError(f"a {type(value).__name__} cannot be written in a recipe")


def _size_text(value: int) -> str:
    units = {"GiB": 2**30, "GB": 10**9, "MiB": 2**20, "MB": 10**6, "KiB": 2**10, "KB": 10**3}
    return next((f"{value // unit}{name}" for name, unit in units.items() if value and value % unit == 0), f"{value}B")


def written(value: object) -> str:
    """Return a field's value as a person would write it."""
    if isinstance(value, ByteSize):
        return _size_text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(written(item) for item in value)}]"
    simple = plain(value)
    return simple if isinstance(simple, str) else json.dumps(simple, ensure_ascii=False)
