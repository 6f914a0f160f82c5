# The public names of refinery, by the module that defines each: the one list of them.

from .assets import (
    Asset as Asset,
    fetch as fetch,
)
from .errors import (
    AssetError as AssetError,
    PartFailed as PartFailed,
    RefineryError as RefineryError,
    Refused as Refused,
    StorageError as StorageError,
    UsageError as UsageError,
)
from .executors import (
    Executor as Executor,
)
from .inspect.accounts import (
    Account as Account,
    Accounts as Accounts,
    Station as Station,
    why as why,
)
from .inspect.agreement import (
    Agreement as Agreement,
    RootPair as RootPair,
    SoleDocument as SoleDocument,
    SoleKeeper as SoleKeeper,
)
from .inspect.comparison import (
    Comparison as Comparison,
    Line as Line,
    RootCost as RootCost,
    compare as compare,
)
from .inspect.contributions import (
    MetricContributions as MetricContributions,
)
from .inspect.counts import (
    RootCounts as RootCounts,
    StageCounts as StageCounts,
    read_counts as read_counts,
)
from .inspect.difference import (
    ChangedDocument as ChangedDocument,
    OutcomeChange as OutcomeChange,
    RootDifference as RootDifference,
    StageDifference as StageDifference,
    diff as diff,
)
from .inspect.evidence import (
    Mark as Mark,
)
from .inspect.file_counts import (
    FileCounts as FileCounts,
)
from .inspect.filters import (
    Filters as Filters,
)
from .inspect.find import (
    FoundDocuments as FoundDocuments,
    FoundRow as FoundRow,
    find as find,
)
from .inspect.flips import (
    Flip as Flip,
    Flips as Flips,
    StageYield as StageYield,
    Yield as Yield,
)
from .inspect.garbage import (
    Garbage as Garbage,
    UnreferencedFile as UnreferencedFile,
    collect_garbage as collect_garbage,
)
from .inspect.group_counts import Count as Count
from .inspect.group_yields import GroupYield as GroupYield
from .inspect.groups import (
    GroupCounts as GroupCounts,
    GroupOutcomes as GroupOutcomes,
    Survival as Survival,
    survival as survival,
)
from .inspect.near import (
    Near as Near,
    Neighbours as Neighbours,
)
from .inspect.notebook import (
    OpenRoot as OpenRoot,
    StageOutput as StageOutput,
    open as open,  # noqa: A004 - read as `refinery.open`
)
from .inspect.outcomes import (
    Cut as Cut,
    MetricValue as MetricValue,
    RuleResult as RuleResult,
    StageOutcome as StageOutcome,
)
from .inspect.reader import (
    Finding as Finding,
)
from .inspect.rendered import (
    RenderedText as RenderedText,
)
from .inspect.repeats import (
    Repeat as Repeat,
    Repeats as Repeats,
    spans as spans,
)
from .inspect.rows import (
    Document as Document,
)
from .inspect.runs import (
    RootStatus as RootStatus,
    RunProblem as RunProblem,
    RunStatus as RunStatus,
    StageStatus as StageStatus,
    problems as problems,
    status as status,
)
from .inspect.sample_query import (
    SampleQuery as SampleQuery,
)
from .inspect.samples import (
    Sample as Sample,
    Samples as Samples,
    sample as sample,
)
from .inspect.shuffles import (
    OrderTest as OrderTest,
    SplitOrder as SplitOrder,
)
from .inspect.summaries import (
    Summary as Summary,
    summary as summary,
)
from .inspect.texts import (
    MarkedText as MarkedText,
)
from .inspect.verification import (
    Verification as Verification,
    verify as verify,
)
from .inspect.warning_list import (
    RootWarning as RootWarning,
    warnings as warnings,
)
from .inspect.whatif import (
    Change as Change,
    WhatIf as WhatIf,
    what_if as what_if,
)
from .kernels import (
    Contribution as Contribution,
)
from .planner.amounts import (
    Amounts as Amounts,
    RunAmounts as RunAmounts,
    StageProgress as StageProgress,
)
from .planner.cost import (
    Money as Money,
    Target as Target,
)
from .planner.estimate import (
    Basis as Basis,
    Estimate as Estimate,
    IndexedRecords as IndexedRecords,
    StageEstimate as StageEstimate,
    Total as Total,
)
from .planner.estimator import (
    plan as plan,
)
from .planner.requests import (
    RoundRequests as RoundRequests,
)
from .planner.selection import (
    Selection as Selection,
)
from .recipe import (
    ExecutorSettings as ExecutorSettings,
    Pipeline as Pipeline,
    Prices as Prices,
    Setting as Setting,
    Step as Step,
    StorageSettings as StorageSettings,
    load as load,
)
from .root.manifests import (
    StageManifest as StageManifest,
)
from .root.runs import (
    RunRecord as RunRecord,
)
from .root.statistics import (
    AuditStatistics as AuditStatistics,
    Statistics as Statistics,
)
from .root.takedowns import (
    TakenDocument as TakenDocument,
)
from .runner.events import (
    Event as Event,
    Listener as Listener,
)
from .runner.report import (
    RunReport as RunReport,
)
from .runner.run import (
    run as run,
    run_together as run_together,
)
from .runner.takedown import (
    Takedown as Takedown,
    TouchedFile as TouchedFile,
    takedown as takedown,
)
from .stage.addresses import (
    Addresses as Addresses,
    address as address,
    is_reference as is_reference,
    parts_of as parts_of,
    root_number as root_number,
    rows_of as rows_of,
)
from .stage.base import (
    Edit as Edit,
    Edited as Edited,
    Filter as Filter,
    Records as Records,
    Source as Source,
    Stage as Stage,
    Values as Values,
    Watch as Watch,
)
from .stage.by_language import (
    ByLanguage as ByLanguage,
)
from .stage.completing import CompletingSource as CompletingSource
from .stage.documents import (
    CORE as CORE,
    DATE as DATE,
    FILE_HEAD as FILE_HEAD,
    HTML as HTML,
    ID as ID,
    LANG as LANG,
    LENGTH as LENGTH,
    OFFSET as OFFSET,
    POINTER as POINTER,
    PROTECTED as PROTECTED,
    RECORD_ID as RECORD_ID,
    STRUCTURE as STRUCTURE,
    TEXT as TEXT,
    TOKENS as TOKENS,
    URL as URL,
    WARC as WARC,
    Docs as Docs,
    document_ids as document_ids,
    field_at as field_at,
    file_identity as file_identity,
    id_bytes as id_bytes,
    metrics_column as metrics_column,
)
from .stage.explanation import Explanation as Explanation
from .stage.fields import (
    Duration as Duration,
    Proportion as Proportion,
    Size as Size,
    threshold as threshold,
    tuning as tuning,
)
from .stage.global_stage import (
    Global as Global,
    Mapped as Mapped,
)
from .stage.language_file import (
    LanguageFile as LanguageFile,
)
from .stage.language_scope import (
    LanguageScope as LanguageScope,
)
from .stage.ordered import (
    Ordered as Ordered,
    OrderRange as OrderRange,
)
from .stage.pointed import (
    PointedSource as PointedSource,
    Pointers as Pointers,
)
from .stage.round_input import MappedPart as MappedPart
from .stage.rounds import (
    Conclude as Conclude,
    Exclude as Exclude,
    ExcludePerPart as ExcludePerPart,
    PerPart as PerPart,
    Reduce as Reduce,
    Regroup as Regroup,
    Resolve as Resolve,
    Round as Round,
    Rounds as Rounds,
    Scatter as Scatter,
    UntilStable as UntilStable,
)
from .stage.rules import (
    Metric as Metric,
    Rule as Rule,
)
from .stage.shards import (
    DatasetLayout as DatasetLayout,
    ShardCounts as ShardCounts,
    ShardFile as ShardFile,
    ShardFormat as ShardFormat,
    ShardOutput as ShardOutput,
    ShardWriter as ShardWriter,
    WrittenDataset as WrittenDataset,
)
from .store import (
    Store as Store,
    store_for as store_for,
)
