"""What a stage is: a frozen, validated configuration with methods. Metrics are measured, rules judge them.

The engine derives everything else from these declarations: the Parquet schema, removal reasons, histograms, the
text of ``why``, resume, identity and the law tests. Nothing here opens a file.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, model_validator

from refinery.docs import OF_TEXT, TEXT, Docs

if TYPE_CHECKING:
    from refinery.assets import Asset
    from refinery.store import Store

EARLIER = 2**31
"""In a reducer, parts with this number or a higher one hold documents that were decided on earlier, once for all."""

EARLIER_BITS = 24
"""How far the place of an earlier root in the list of them is shifted in the numbers of its parts."""

Values = Mapping[str, Any]
"""Column or metric name to one value a document: a ``pa.Array``, a NumPy array or a list."""

Scale = Literal["ratio", "log", "count", "label"]
Size = Annotated[ByteSize, Field(description="bytes, with a unit: 64MiB, 1GB")]
Role = Literal["bound", "tuning"]
Damage = Literal["", "record", "end"]


@dataclass(frozen=True)
class Metric:
    """A figure measured for each document and stored as a fact of the stage.

    ``scale`` fixes the histogram: ``ratio`` 0 to 1, ``log`` and ``count`` for sizes, ``label`` for few-valued strings.
    A null value says "not measured" and violates no rule; NaN is a defect.
    """

    name: str
    type: pa.DataType = field(default_factory=pa.float64)
    scale: Scale = "ratio"
    unit: str = ""
    help: str = ""

    @property
    def field(self) -> pa.Field:
        return pa.field(self.name, self.type)


@dataclass(frozen=True)
class Rule:
    """A bound on a metric; a document that violates it is removed with the rule's ``id`` as reason.

    Exactly one of the bounds is given. ``at_least`` and ``at_most`` include the bound itself.
    """

    id: str
    metric: str
    because: str = ""
    at_least: float | None = None
    at_most: float | None = None
    is_in: tuple[str, ...] | None = None
    not_in: tuple[str, ...] | None = None
    damage: Damage = ""
    """Of a source: the violation means that the input is damaged, in one ``record`` or from there to its ``end``."""

    def __post_init__(self) -> None:
        given = [b for b in (self.at_least, self.at_most, self.is_in, self.not_in) if b is not None]
        if len(given) != 1:
            raise ValueError(f"rule {self.id!r} needs exactly one bound, not {len(given)}")

    @property
    def bound(self) -> str:
        """The bound as people read it: ``≥ 0.65``, ``in en, de``."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        if self.is_in is not None:
            return f"in {', '.join(self.is_in)}"
        return f"not {', '.join(self.not_in or ())}"

    def violated(self, values: pa.Array) -> pa.BooleanArray:
        """True where a value violates the bound; null values violate nothing."""
        if self.at_least is not None:
            bad = pc.less(_numbers(values), pa.scalar(self.at_least, pa.float64()))
        elif self.at_most is not None:
            bad = pc.greater(_numbers(values), pa.scalar(self.at_most, pa.float64()))
        else:
            listed = pc.is_in(values, value_set=pa.array(self.is_in or self.not_in or (), values.type))
            bad = pc.invert(listed) if self.is_in is not None else listed
            bad = pc.if_else(pc.is_valid(values), bad, False)
        return pc.fill_null(bad, False)


def _numbers(values: pa.Array) -> pa.Array:
    """As floats; whole numbers beyond 2**53 are rounded, where Arrow's own comparison would raise."""
    return pc.cast(values, pa.float64(), safe=False)


def bound(default: Any, **kwargs: Any) -> Any:
    """A field that only moves a rule's bound: changing it re-judges stored facts and measures nothing again."""
    return Field(default, json_schema_extra={"role": "bound"}, **kwargs)


def tuning(default: Any, **kwargs: Any) -> Any:
    """A field that changes speed or memory, never the result; it stays out of the stage's identity."""
    return Field(default, json_schema_extra={"role": "tuning"}, **kwargs)


@dataclass(frozen=True)
class Suited:
    """A word list or rule that suits some languages: ``only`` these, or all ``but`` these, by ISO 639-1 code.

    ``what`` it is, with its verb (``its stop words are English``); ``otherwise`` is what happens to documents of other
    languages, and ``fix`` what to set for them.
    """

    what: str
    otherwise: str
    fix: str
    only: tuple[str, ...] = ()
    but: tuple[str, ...] = ()

    def unsuited(self, kept: Sequence[str]) -> tuple[str, ...]:
        """Those of the languages that it does not suit."""
        return tuple(code for code in kept if code in self.but or (self.only and code not in self.only))


@dataclass(frozen=True)
class Explanation:
    """What a stage's settings mean, in figures: single ones, and curves over an axis from 0 to 1.

    ``curves`` are values from 0 to 1, one for each of ``at``: that of the settings first, then others to compare with.
    """

    about: str
    facts: Mapping[str, str]
    axis: str = ""
    at: tuple[float, ...] = ()
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


class Stage(BaseModel):
    """Base of the four kinds. A subclass declares itself in class variables and is its own configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, ser_json_timedelta="float")

    name: ClassVar[str]
    version: ClassVar[int]
    source: ClassVar[str] = ""
    """Where the method is described: paper section or URL."""
    reads: ClassVar[tuple[str, ...]] = ("text",)
    """Columns it needs beyond the pointer."""
    uses: ClassVar[tuple[str, ...]] = ()
    """Columns it takes into account where a stage before it adds them."""
    adds: ClassVar[tuple[pa.Field, ...]] = ()
    """Columns it adds or replaces."""
    drops: ClassVar[tuple[str, ...]] = ()
    """Columns that end with it."""
    metrics: ClassVar[tuple[Metric, ...]] = ()
    evidence: ClassVar[tuple[pa.Field, ...]] = ()
    """Facts beyond metrics, for people and later stages: matched words, removed spans."""
    quarantines: ClassVar[tuple[str, ...]] = ()
    """Rules whose documents broke what measured them: a run keeps their records as test cases."""
    depends: ClassVar[tuple[str, ...]] = ()
    """Distributions whose version shapes the output."""
    last: ClassVar[bool] = False
    """No stage may follow it in a recipe."""

    @model_validator(mode="after")
    def _has_rules_that_agree(self) -> Self:
        """Refuse thresholds that no document can satisfy, such as a minimum above the maximum of the same metric."""
        rules = self.rules()
        for least in (rule for rule in rules if rule.at_least is not None):
            for most in (rule for rule in rules if rule.metric == least.metric and rule.at_most is not None):
                if (least.at_least or 0) > (most.at_most or 0):
                    raise ValueError(
                        f"no document has {least.metric} {least.bound} ({least.id}) and {most.bound} ({most.id})"
                    )
        return self

    def rules(self) -> tuple[Rule, ...]:
        """The bounds, in the order in which the first violated one becomes the reason."""
        return ()

    def wants(self) -> tuple[str, ...]:
        """What it reads as it is configured: columns, and facts of earlier stages as ``stage.fact``."""
        return self.reads

    def selects(self, names: Sequence[str]) -> list[str]:
        """The columns that go on to the next stage, in order, of those there are."""
        return [name for name in names if name not in self.drops]

    @classmethod
    def outdates(cls) -> frozenset[str]:
        """Columns of places in the text that end with it: those it does not add, if it changes the text."""
        added = {added.name for added in cls.adds}
        return OF_TEXT - added if TEXT.name in added else frozenset()

    def shard_bytes(self) -> int | None:
        """Bytes of text in one output file, where the stage gathers small parts and divides large ones."""
        return None

    def versions(self) -> dict[str, str]:
        """Further names and versions that shape the output, known only from the configuration."""
        return {}

    def keeps_languages(self) -> tuple[str, ...] | None:
        """Return the languages that it keeps documents of, by ISO 639-1 code; None if it does not look at that."""
        return None

    def suited(self) -> tuple[Suited, ...]:
        """Return its word lists and rules that suit some languages only, as it is configured."""
        return ()

    def check_asset(self, name: str, asset: Asset) -> None:
        """Open the asset of the field ``name`` as the work on documents does.

        It is called before a run begins. Raises AssetError where the file is not what the stage needs.
        """
        del name, asset

    def check_columns(self, given: pa.Schema) -> None:
        """Raise UsageError where a column that the stage is given has a type it cannot use."""
        del given

    def shows(self, text: str, metric: str) -> Iterable[tuple[int, int]]:
        """Where in ``text`` lies what ``metric`` counts: starts and ends in characters, for people who ask why.

        Nothing for a metric of the text as a whole. In Python, for one text at a time; no run calls it.
        """
        del text, metric
        return ()

    def explain(self) -> Explanation | None:
        """What the settings mean, where more can be said than the documentation of the fields does."""
        return None

    @classmethod
    def facts(cls) -> pa.StructType:
        """The type of the struct column that holds this stage's metrics and evidence."""
        return pa.struct([*(m.field for m in cls.metrics), *cls.evidence])

    @classmethod
    def roles(cls, role: Role) -> frozenset[str]:
        """Names of the fields declared with ``bound`` or ``tuning``."""
        extras = {k: f.json_schema_extra for k, f in cls.model_fields.items()}
        return frozenset(k for k, extra in extras.items() if isinstance(extra, dict) and extra.get("role") == role)


class Filter(Stage):
    """Measures documents and lets its rules judge them; changes no column."""

    @abstractmethod
    def measure(self, docs: Docs) -> Values:
        """One value a document for each declared metric and evidence field."""


@dataclass(frozen=True)
class Edited:
    """What an edit makes of a batch: new ``columns`` (the declared ``adds``) and the ``facts`` behind them."""

    columns: Values
    facts: Values = field(default_factory=dict)


class Edit(Stage):
    """Changes text or adds columns; may have metrics and rules as well."""

    @abstractmethod
    def edit(self, docs: Docs) -> Edited:
        """New values of the declared columns, and one value a document for each metric and evidence field."""


@dataclass(frozen=True)
class Records:
    """A batch read by a source: ``columns`` holds the pointer columns and the declared ``adds``.

    ``skipped`` counts, by kind, the records read since the last batch that are no documents.
    """

    columns: Values
    facts: Values
    skipped: Mapping[str, int] = field(default_factory=dict)


Watch = Callable[[int], bool]
"""Given the number of a row of the file, says whether its record may be worked on; else the row is made without."""


class Source(Stage):
    """Reads files into documents. Each file is read by one task; the metrics and rules give every record its fate.

    Rules with ``damage`` declare which reasons mean a damaged input, and ``remedy`` returns the fix. A run warns of
    inputs that are damaged or yield no document, and exits with 1 where they are more than the recipe allows.
    """

    reads: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def list_inputs(self, pattern: str, store: Store) -> list[str]:
        """The files that ``pattern`` names, sorted. Raises StorageError where there are none."""

    @abstractmethod
    def read(self, path: str, store: Store) -> Iterator[Records]:
        """All records of a file, in its order. A record that cannot be read is a row with a fact that says so.

        Ids are unique in a root and the same wherever the file lies: ``document_ids`` makes them.
        """

    def read_watched(self, path: str, store: Store, watch: Watch) -> Iterator[Records]:
        """As ``read``, for a file that a worker died of: ``watch`` is asked before each row's record is worked on.

        A source that does not ask loses the whole part to such a record.
        """
        del watch
        return self.read(path, store)

    def remedy(self, counts: Mapping[str, int], documents: int) -> str:
        """Return the fix for an input that is damaged or yields no document; "" if none is known.

        ``counts`` has its other records by reason, or by kind where they are skipped; ``documents`` is what it yields.
        """
        del counts, documents
        return ""

    @abstractmethod
    def read_one(self, path: str, offset: int, length: int, store: Store) -> Records:
        """The one record at a pointer."""


@dataclass(frozen=True)
class Mapped:
    """What the map of a global stage sends on for one batch.

    ``keys`` has a ``key: uint64`` column and whatever small columns the reducer needs.
    ``index`` has one row a document: what ``resolve`` must know of it.
    """

    keys: pa.RecordBatch
    index: pa.RecordBatch


@dataclass(frozen=True)
class Round:
    """A round of a global stage: the name of the stage's method that is called, and on what.

    ``ranges``: as ``reduce``, for each range of the keys that the map or a ``parts`` round gave. ``whole``: as
    ``resolve``, once, with all that the ``ranges`` round before gave; if it comes first, with nothing, and it sets
    documents aside: each part's table has a column ``row: uint32``, sorted, and rows of the map with such a ``row`` are
    left out of the ``ranges`` round that follows. ``parts``: ``method(rows, part)`` for each part,
    with the rows of a ``whole`` round that are the part's, or those of a ``ranges`` round whose ``key`` is an address
    (the part's number, shifted by ``PART_BITS``, plus a row) in the part, a table without columns if that round gave
    nothing at all; it gives a table that is the part's verdict, or for the next round a ``pa.RecordBatchReader`` of
    rows that have a ``key: uint64`` and are sorted by it. Parts of earlier roots come last in all rounds but the one
    that gives verdicts.

    ``streamed``: rows are given in batches as they lie, those of a range one part after another, none in a batch with
    another, each sorted by key, and those sent to a part sorted by key. Otherwise those of a range are merged, those of
    a part one table.
    """

    method: str
    scope: Literal["ranges", "whole", "parts"]
    streamed: bool = False


PART_BITS = 32
"""How far the part's number is shifted in the address of a document."""


Rows = npt.NDArray[np.integer[Any]]
"""Numbers of documents of a part."""


class MappedPart(Protocol):
    """One part's map output as the rounds see it."""

    @property
    def number(self) -> int:
        """Position of the part, as in the ``part`` column that ``reduce`` saw."""

    @property
    def documents(self) -> int:
        """How many documents the part has."""

    def index(self, columns: Sequence[str] | None = None, rows: Rows | None = None) -> pa.Table:
        """The part's index rows, in document order; or those of some documents, in the order of ``rows``."""

    def stream(self) -> Iterator[pa.RecordBatch]:
        """The index rows, some at a time."""

    def verdict(self, columns: Sequence[str] | None = None, rows: Rows | None = None) -> pa.Table:
        """The same of what its root said of its documents. Only parts of earlier roots have that."""

    def keys(self) -> Iterator[pa.RecordBatch]:
        """The part's keyed rows, sorted by key."""

    def aside(self) -> pa.Table:
        """What the first round made of the part, where that is a ``whole`` one."""


class Global(Stage):
    """Looks at all documents of the dataset at once: ``map`` → ``reduce`` per key range → ``resolve`` → ``apply``.

    A stage that needs more than one ``reduce``, or whose verdicts are too much for one task, says so by ``rounds``.
    """

    map_fields: ClassVar[tuple[str, ...]] = ()
    """The configuration fields that shape ``map`` and ``reduce``; a change of any other only resolves again."""
    reduce_fields: ClassVar[tuple[str, ...]] = ()
    """Those that shape ``reduce``, or whatever the first round is, and not ``map``."""

    memory: Size = tuning(
        ByteSize(2**30), ge=2**20, description="of one task of the shuffle: more is fewer and larger ranges of keys"
    )

    def partitions(self) -> int:
        """Into how many partitions the dataset is divided here, to go one after another through all global stages left.

        ``reduce`` is given the documents that earlier partitions kept in the end as parts from number ``EARLIER`` on.
        """
        return 1

    def earlier_roots(self) -> tuple[str, ...]:
        """Roots whose documents came before these: ``reduce`` is given what this stage mapped there, of equal keys.

        Their parts have numbers from ``EARLIER`` on, ``2**EARLIER_BITS`` for each root; earlier partitions come last.
        """
        return ()

    def rounds(self) -> tuple[Round, ...]:
        """What is done between map and apply. The first sets aside or is of the ranges, the last gives the verdicts."""
        return (Round("reduce", "ranges"), Round("resolve", "whole"))

    def needs(self, documents: int, rows: int) -> int:
        """Bytes of memory that the ``whole`` round takes, at most, for so many documents and rows; 0 if not known.

        Of a stage without such a round, what any task of its rounds takes.
        """
        del documents, rows
        return 0

    def shuffles(self, documents: int, text: int) -> int:
        """Bytes that the map sends on, about, of so many documents with so many bytes of text; 0 if not known."""
        del documents, text
        return 0

    def stores(self, documents: int, text: int) -> int:
        """Bytes that map and rounds write of them, about; 0 if not known."""
        del documents, text
        return 0

    @abstractmethod
    def map(self, docs: Docs, row: int) -> Mapped:
        """Keyed rows of a batch whose first document is row ``row`` of its part.

        A document that kills the worker here comes again with a null as its text, and is removed when it is applied.
        """

    def combine(self, keys: pa.Table) -> pa.Table:
        """All keyed rows of one part, made smaller before they are sorted and written."""
        return keys

    @abstractmethod
    def reduce(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of one key range, sorted by key, then part, then the other columns; a batch never splits a key.

        Rows of earlier parts come where a document of another part has their key. The rows have the columns of
        ``Mapped.keys`` and ``part: uint32``. Where what it gives has a ``key: uint64`` column as well, ``resolve`` gets
        all of that sorted by it; else as it was given, range after range.
        """

    def resolve(self, reduced: Iterable[pa.RecordBatch], parts: Sequence[MappedPart]) -> Iterator[pa.Table]:
        """The verdict of each part, in the order of ``parts`` (that of their numbers), from all that was reduced.

        Of stages that have this round.
        """
        raise NotImplementedError(f"{self.name} has no method for the round resolve")

    @abstractmethod
    def apply(self, docs: Docs, row: int, verdict: pa.Table) -> Edited:
        """Carry out a part's verdict on a batch whose first document is row ``row`` of the part."""


def _duration(value: object) -> object:
    units = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
    if isinstance(value, str):
        for unit, seconds in units.items():
            number = value.removesuffix(unit).strip()
            if number != value and number.replace(".", "", 1).isdigit():
                return timedelta(seconds=float(number) * seconds)
        raise ValueError("expected a number with a unit: 500ms, 30s, 2min, 1h")
    if isinstance(value, timedelta):
        return value
    raise ValueError("a duration needs a unit: 500ms, 30s, 2min, 1h")


Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""A span of time written with a unit: 500ms, 30s, 2min, 1h."""


def begins_segment(stage: Stage) -> bool:
    """Whether no pass can carry a part into the stage: it needs all parts, or puts them together."""
    return isinstance(stage, Global) or stage.shard_bytes() is not None
