"""The kinds of stages that see one document at a time: filter, edit and source.

The engine derives everything else from their declarations: the Parquet schema, removal reasons, histograms, resume,
identity and the law tests. Nothing here opens a file.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, model_validator

from refinery.kernels import Contribution
from refinery.stage.cuts import cut_evidence
from refinery.stage.documents import OF_TEXT, STRUCTURE, TEXT, Docs
from refinery.stage.explanation import Explanation
from refinery.stage.fields import Role
from refinery.stage.language_scope import LanguageScope
from refinery.stage.rules import Metric, Rule
from refinery.stage.shards import DatasetLayout, ShardFormat, WrittenDataset

if TYPE_CHECKING:
    from refinery.assets import Asset
    from refinery.store import Store


Values = Mapping[str, Any]
"""Column or metric name to one value a document: a ``pa.Array``, a NumPy array or a list."""


class Stage(BaseModel):
    """Base of the four kinds. A subclass declares itself in class variables and is its own configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, ser_json_timedelta="float")

    name: ClassVar[str]
    version: ClassVar[int]
    source: ClassVar[str] = ""
    """Description of the method: paper section or URL."""
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
    """Columns beside the metrics, for people and later stages: matched words, removed spans."""
    quarantines: ClassVar[tuple[str, ...]] = ()
    """Rules of documents that broke a library: a run keeps their records as test cases."""
    language_metric: ClassVar[str] = ""
    """The metric that identifies a document's language, by which later stages are counted."""
    words_field: ClassVar[str] = ""
    """The field that names the table with the common words that it counts: ``table``, or a folder of language files."""
    survivor_field: ClassVar[str] = ""
    """The evidence with the id of the document that is kept in place of this one; clusters are counted by it."""
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
                        f"no document has {least.metric} {least.threshold} ({least.id}) "
                        f"and {most.threshold} ({most.id})"
                    )
        return self

    def rules(self) -> tuple[Rule, ...]:
        """Return the thresholds, in the order in which the first violated one becomes the reason."""
        return ()

    def applied_rules(self, languages: Iterable[str] | None = None) -> tuple[Rule, ...]:
        """Return the rules as they are applied: with thresholds of ``languages``, or all, if it is ``ByLanguage``."""
        del languages
        return self.rules()

    def wants(self) -> tuple[str, ...]:
        """Return the columns that it reads as it is configured, and metrics of stages before it as ``stage.metric``."""
        return self.reads

    def selects(self, names: Sequence[str]) -> list[str]:
        """Return the columns that the next stage gets, in order, out of ``names``.

        The stage that ends a recipe may select metrics as ``stage.metric``: columns of the metric's name.
        """
        return [name for name in names if name not in self.drops]

    def added(self) -> tuple[pa.Field, ...]:
        """Return the columns that it adds or replaces as it is configured."""
        return self.adds

    def outdates(self) -> frozenset[str]:
        """Return the columns of places that it drops with the text it changes: not those it adds, nor moved marks."""
        added = {added.name for added in self.added()}
        kept = {*added, STRUCTURE.name} if cut_evidence(self.added(), self.evidence) else added
        return OF_TEXT - kept if TEXT.name in added else frozenset()

    def shard_bytes(self) -> int | None:
        """Return the bytes of text of an output file, for a stage that gathers small parts and divides large ones."""
        return None

    def shard_column(self) -> str:
        """Return the column whose bytes fill the output files."""
        return "text"

    def shard_format(self) -> ShardFormat | None:
        """Return the format of the files of kept rows, for a stage that ends a recipe; None for Parquet."""
        return None

    def previews(self, rows: pa.RecordBatch) -> list[str]:
        """Return what written rows read back to, for a person to look at; none where the rows show it themselves."""
        del rows
        return []

    def lay_out(self, dataset: WrittenDataset) -> DatasetLayout | None:
        """Return the folder in which readers find the output of a complete run; None for none. Pure."""
        del dataset
        return None

    def partition_column(self) -> str:
        """Return the column of labels, or ``stage.metric``, whose rows are written to folders ``COLUMN=LABEL``; or "".

        Only of the stage that ends a recipe: the rows of such an output are not in the order of its input.
        """
        return ""

    def versions(self) -> dict[str, str]:
        """Return further names and versions that shape the output and depend on the configuration."""
        return {}

    def keeps_languages(self) -> tuple[str, ...] | None:
        """Return the languages whose documents it keeps, by ISO 639-1 code; None if it does not filter by language."""
        return None

    def language_scopes(self) -> tuple[LanguageScope, ...]:
        """Return the scopes of its word lists and rules that suit some languages only, as it is configured."""
        return ()

    def check_asset(self, name: str, asset: Asset) -> None:
        """Open the asset of the field ``name`` as documents will need it, before a run begins.

        Raises AssetError for another kind of file.
        """
        del name, asset

    def check_columns(self, given: pa.Schema) -> None:
        """Raise UsageError where an input column has a type that the stage cannot use."""
        del given

    def quality_scores(self) -> tuple[str, ...]:
        """Return metrics that rise with quality, for the report: its own, or ``stage.metric`` of a stage before it."""
        return ()

    def highlights(self, text: str, metric: str) -> Iterable[tuple[int, int]]:
        """Return the spans of ``text`` that ``metric`` counts: starts and ends in characters. No run uses it."""
        del text, metric
        return ()

    def contributions(self, text: str, metric: str, count: int) -> Sequence[Contribution]:
        """Return the ``count`` features of ``text`` that contribute most to ``metric``, the strongest first.

        A metric that is no score of a model has none. No run calls this; `refinery why` prints them.
        """
        del text, metric, count
        return ()

    def explain(self) -> Explanation | None:
        """Return figures for the settings, where the documentation of the fields is not enough."""
        return None

    @classmethod
    def metrics_type(cls) -> pa.StructType:
        """Return the type of the struct column of this stage's metrics and evidence."""
        return pa.struct([*(m.field for m in cls.metrics), *cls.evidence])

    @classmethod
    def roles(cls, role: Role) -> frozenset[str]:
        """Return the names of the fields declared with ``threshold`` or ``tuning``."""
        return frozenset(name for name, extra in cls._extras().items() if extra.get("role") == role)

    @classmethod
    def calibrated(cls) -> dict[str, float]:
        """Return the fields that are calibrated by language, with their multiples of a quantile."""
        return {name: extra["calibrated"] for name, extra in cls._extras().items() if "calibrated" in extra}

    @classmethod
    def strictest(cls) -> dict[str, float]:
        """Return the calibrated fields that have a limit to how strict they may be, with this limit."""
        return {name: extra["strictest"] for name, extra in cls._extras().items() if "strictest" in extra}

    @classmethod
    def _extras(cls) -> dict[str, dict[str, Any]]:
        extras = {name: field.json_schema_extra for name, field in cls.model_fields.items()}
        return {name: extra for name, extra in extras.items() if isinstance(extra, dict)}


class Filter(Stage):
    """Measures documents, to which its rules are applied; changes no column."""

    @abstractmethod
    def measure(self, docs: Docs) -> Values:
        """Return one value a document for each declared metric and evidence field."""


@dataclass(frozen=True)
class Edited:
    """The result of an edit: new ``columns`` (the declared ``adds``) and the ``metrics`` behind them."""

    columns: Values
    metrics: Values = field(default_factory=dict)


class Edit(Stage):
    """Changes text or adds columns; may have metrics and rules as well."""

    @abstractmethod
    def edit(self, docs: Docs) -> Edited:
        """Return new values of the declared columns, and one value a document for each metric and evidence field."""


@dataclass(frozen=True)
class Records:
    """A batch read by a source: ``columns`` are the pointer columns and the declared ``adds``.

    ``skipped`` counts, by kind, the records read since the last batch that are no documents.
    """

    columns: Values
    metrics: Values
    skipped: Mapping[str, int] = field(default_factory=dict)


Watch = Callable[[int], bool]
"""Returns True for the number of a row whose record may be processed; otherwise the row has no content."""


class Source(Stage):
    """Reads files into documents. One task reads a file; metrics and rules decide the outcome of each record.

    Rules with ``damage`` declare which reasons mean a damaged input, and ``remedy`` returns the fix. A run warns of
    inputs that are damaged or yield no document, and exits with 1 where they are more than the recipe allows.
    """

    reads: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def list_inputs(self, pattern: str, store: Store) -> list[str]:
        """Return the files that match ``pattern``, sorted. Raises StorageError where there are none."""

    @abstractmethod
    def read(self, path: str, store: Store) -> Iterator[Records]:
        """Yield all records of a file, in its order. A record that cannot be read is a row whose metrics report it.

        Ids are unique in a root and the same wherever the file lies: ``document_ids`` makes them.
        """

    def read_watched(self, path: str, store: Store, watch: Watch) -> Iterator[Records]:
        """Read a file that killed a worker: ``watch`` is called before each row's record is processed.

        A source that does not call it loses the whole part to such a record.
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
        """Return the record at a pointer."""


def languages_of(stage: type[Stage] | Stage, docs: Docs, metrics: pa.StructArray) -> pa.StringArray:
    """Return the languages of documents: as the stage itself identifies them by its metrics, else one before it."""
    return pc.struct_field(metrics, stage.language_metric) if stage.language_metric else docs.languages()


def changes_text(stage: type[Stage] | Stage) -> bool:
    """Return True if the stage changes texts, so that their tokens are counted again; an export only renders them."""
    added = stage.added() if isinstance(stage, Stage) else stage.adds
    return TEXT.name in {field.name for field in stage.adds} & {field.name for field in added}
