"""The types that a recipe becomes, and the recipe they become again.

Not here: reading YAML and telling what is wrong with it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Literal

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
)

from refinery.recipe.problems import Span
from refinery.stage.base import Source, Stage
from refinery.stage.documents import metrics_column

_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")
_PERCENT = re.compile(r"([0-9]{1,3})%")
_size = TypeAdapter(ByteSize)


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
    """Bytes from a size with a unit: ``64MiB``, ``1TB``; 0 for what is none."""
    try:
        return int(_size.validate_python(text.replace(" ", "")))
    except ValidationError:
        return 0


def percent_of(written: object) -> float:
    """Return the number, from 0 to 100, in a share such as ``5%``. Raises ValueError for anything else."""
    found = _SHARE.fullmatch(written) if isinstance(written, str) else None
    if found is None or float(found[1]) > 100:
        raise ValueError("expected 0% to 100%: 5%, 0.1%")
    return float(found[1])


def _share(value: object) -> object:
    percent_of(value)
    return value


def _dataset(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", value):
        raise ValueError("expected up to 100 letters, digits and . _ - that begin with a letter or digit")
    return value


def _inputs(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


class ExecutorSettings(BaseModel):
    """Where tasks run and how much of the machine they may take; it never changes a result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["local", "ray"] = Field("local", description="local: processes of this machine; ray: a cluster")
    address: str = Field("auto", min_length=1, description="Ray cluster: host:port, or auto for that of this machine")
    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto", description="worker processes, at least 1; auto: one a core, or as many as fit the Ray cluster"
    )
    memory: Annotated[str, BeforeValidator(_memory)] = Field(
        "80%", description="of all workers together: a share of the machine, or a size such as 12GiB"
    )
    batch: int = Field(1000, ge=1, le=100_000, description="documents that a stage is given at once")

    def processes(self) -> int | None:
        """The number of worker processes; None where a Ray cluster decides."""
        if self.workers != "auto" or self.kind == "ray":
            return None if self.workers == "auto" else self.workers
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def memory_bytes(self, total: int) -> int:
        """The bytes that all workers together may take of a machine, or a node, that has ``total``."""
        percent = _PERCENT.fullmatch(self.memory)
        return total * int(percent[1]) // 100 if percent else int(_size.validate_python(self.memory))


class StorageSettings(BaseModel):
    """Where ``s3://`` is; each stands before the variable of the environment that says the same. Secrets stay there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str = Field("", description="address of a store that is not Amazon's; else AWS_ENDPOINT_URL_S3")
    region: str = Field("", description="region of the buckets; else AWS_REGION")
    profile: str = Field("", description="section of ~/.aws with the credentials; else AWS_PROFILE")
    anonymous: bool = Field(False, description="do not sign requests, for public buckets; else AWS_NO_SIGN_REQUEST")


class Prices(BaseModel):
    """Prices of computing, storage and requests. Only ``plan`` reads them, and no result depends on them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    core_hour: float | None = Field(None, ge=0, description="of a core for an hour, in the currency")
    gb_month: float | None = Field(None, ge=0, description="of 10^9 bytes stored for a month")
    put_1000: float | None = Field(None, ge=0, description="of 1,000 requests that write or list")
    get_1000: float | None = Field(None, ge=0, description="of 1,000 requests that read")
    currency: str = Field("USD", min_length=1, max_length=10, description="name of the currency, which is only printed")


@dataclass(frozen=True)
class Step:
    """One stage of a pipeline under its instance name; ``use`` is its ``module:Class`` if it is no registered one."""

    name: str
    stage: Stage
    write: bool = False
    use: str = ""

    @property
    def column(self) -> str:
        """The struct column that holds its metrics."""
        return metrics_column(self.name)


class Settings(BaseModel):
    """The keys of a recipe beside its pipeline. Relative paths are relative to the current folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Annotated[str, AfterValidator(_dataset)] = Field(
        description="name of the data set: up to 100 letters, digits and . _ -; a root keeps to one data set"
    )
    inputs: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_inputs)] = Field(
        min_length=1, description="files to read: a path, a glob, a folder or a list of paths; or several of them"
    )
    root: str = Field(min_length=1, description="folder of all output: a local path or s3://bucket/folder")
    write: Literal["every", "marked", "last"] = Field(
        "every", description="stages that write Parquet: every one, those with write: true, or the last alone"
    )
    keep_removed: Literal["metrics", "sample", "text", "counts"] = Field(
        "metrics",
        description="stored of removed documents: metrics (metrics and the reason), sample (and the text of 1 %), "
        "text (and all texts), counts (no rows, only how many)",
    )
    audit: int = Field(
        0, ge=0, description="1 document in so many goes through all row stages, to count what each rule removes alone"
    )
    max_broken_inputs: Annotated[str, BeforeValidator(_share)] = Field(
        "5%",
        description="a run exits with 1 where more of its input files are broken: without a document, cut off, or with "
        "1 % or more of their records damaged; 0% allows none, 100% all",
    )
    executor: ExecutorSettings = Field(ExecutorSettings(), description="where tasks run; see below")
    storage: StorageSettings = Field(StorageSettings(), description="where s3:// is; see below")
    prices: Prices = Field(Prices(), description="what computing, storage and requests cost, for `plan`; see below")


@dataclass(frozen=True)
class Places:
    """Where a recipe has its values, by key: ``root``, ``inputs[0]``, ``quality.min_words``, ``url.blocklists[1]``."""

    spans: Mapping[str, Span] = field(default_factory=dict, compare=False, repr=False)

    def of(self, key: str) -> Span | None:
        """The place of a value, or of the nearest that holds it; None where the recipe has neither."""
        while key and key not in self.spans:
            key = key[: max(key.rfind("["), key.rfind("."), 0)]
        return self.spans.get(key)


class Pipeline(Settings):
    """A valid recipe: settings and stages in their order. Immutable and picklable."""

    steps: tuple[InstanceOf[Step], ...]
    overrides: tuple[str, ...] = ()
    """The ``key=value`` of the command line that were applied, for the run's record."""
    places: InstanceOf[Places] = Places()
    """For errors: where each value is written. It does not count when pipelines are compared."""

    @property
    def source(self) -> Source:
        """The first stage."""
        first = self.steps[0].stage
        assert isinstance(first, Source)
        return first


def recipe_dict(pipeline: Pipeline) -> dict[str, Any]:
    """Return the values that decide the result and the exit code, all written out, as a recipe in JSON values.

    Left out are ``root`` (a root may be moved), the executor, the storage, the prices and fields declared ``tuning``.
    """
    return {
        "dataset": pipeline.dataset,
        "inputs": list(pipeline.inputs),
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


def plain(value: object) -> Any:  # noqa: PLR0911 - one a kind of value
    """A field's value as a recipe writes it. Raises TypeError for what has no one way to be written."""
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
    """A field's value as a person would write it."""
    if isinstance(value, ByteSize):
        return _size_text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(written(item) for item in value)}]"
    ready = plain(value)
    return ready if isinstance(ready, str) else json.dumps(ready, ensure_ascii=False)
