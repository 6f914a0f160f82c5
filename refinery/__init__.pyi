# The public names of refinery, by the module that defines each: the one list of them.

from .assets import (
    Asset as Asset,
)
from .assets import (
    fetch as fetch,
)
from .errors import (
    AssetError as AssetError,
)
from .errors import (
    PartFailed as PartFailed,
)
from .errors import (
    RefineryError as RefineryError,
)
from .errors import (
    Refused as Refused,
)
from .errors import (
    StorageError as StorageError,
)
from .errors import (
    UsageError as UsageError,
)
from .executors import (
    Executor as Executor,
)
from .inspect import (
    Account as Account,
)
from .inspect import (
    Accounts as Accounts,
)
from .inspect import (
    Audit as Audit,
)
from .inspect import (
    Change as Change,
)
from .inspect import (
    ChangedDocument as ChangedDocument,
)
from .inspect import (
    Count as Count,
)
from .inspect import (
    Cut as Cut,
)
from .inspect import (
    Document as Document,
)
from .inspect import (
    FileCounts as FileCounts,
)
from .inspect import (
    Filters as Filters,
)
from .inspect import (
    Finding as Finding,
)
from .inspect import (
    Flip as Flip,
)
from .inspect import (
    Flips as Flips,
)
from .inspect import (
    Garbage as Garbage,
)
from .inspect import (
    GroupCounts as GroupCounts,
)
from .inspect import (
    GroupOutcomes as GroupOutcomes,
)
from .inspect import (
    Judgement as Judgement,
)
from .inspect import (
    Mark as Mark,
)
from .inspect import (
    MarkedText as MarkedText,
)
from .inspect import (
    MetricValue as MetricValue,
)
from .inspect import (
    OutcomeChange as OutcomeChange,
)
from .inspect import (
    Repeat as Repeat,
)
from .inspect import (
    Repeats as Repeats,
)
from .inspect import (
    RootCounts as RootCounts,
)
from .inspect import (
    RootDifference as RootDifference,
)
from .inspect import (
    RootStatus as RootStatus,
)
from .inspect import (
    RootWarning as RootWarning,
)
from .inspect import (
    RuleResult as RuleResult,
)
from .inspect import (
    RunProblem as RunProblem,
)
from .inspect import (
    RunStatus as RunStatus,
)
from .inspect import (
    Sample as Sample,
)
from .inspect import (
    SampleQuery as SampleQuery,
)
from .inspect import (
    Samples as Samples,
)
from .inspect import (
    StageCounts as StageCounts,
)
from .inspect import (
    StageDifference as StageDifference,
)
from .inspect import (
    StageStatus as StageStatus,
)
from .inspect import (
    StageYield as StageYield,
)
from .inspect import (
    Station as Station,
)
from .inspect import (
    Summary as Summary,
)
from .inspect import (
    Survival as Survival,
)
from .inspect import (
    UnreferencedFile as UnreferencedFile,
)
from .inspect import (
    Verification as Verification,
)
from .inspect import (
    WhatIf as WhatIf,
)
from .inspect import (
    Yield as Yield,
)
from .inspect import (
    collect_garbage as collect_garbage,
)
from .inspect import (
    diff as diff,
)
from .inspect import (
    problems as problems,
)
from .inspect import (
    read_counts as read_counts,
)
from .inspect import (
    sample as sample,
)
from .inspect import (
    spans as spans,
)
from .inspect import (
    status as status,
)
from .inspect import (
    summary as summary,
)
from .inspect import (
    survival as survival,
)
from .inspect import (
    verify as verify,
)
from .inspect import (
    warnings as warnings,
)
from .inspect import (
    what_if as what_if,
)
from .inspect import (
    why as why,
)
from .inspect.notebook import (
    OpenRoot as OpenRoot,
)
from .inspect.notebook import (
    StageOutput as StageOutput,
)
from .inspect.notebook import (
    open as open,  # noqa: A004 - read as `refinery.open`
)
from .inspect.runs import (
    PhaseRecord as PhaseRecord,
)
from .inspect.runs import (
    ProblemRecord as ProblemRecord,
)
from .inspect.runs import (
    RunFile as RunFile,
)
from .inspect.runs import (
    RunningRecord as RunningRecord,
)
from .inspect.runs import (
    SpanRecord as SpanRecord,
)
from .inspect.runs import (
    WorkRecord as WorkRecord,
)
from .inspect.statistics import (
    MetricCounts as MetricCounts,
)
from .inspect.statistics import (
    Rules as Rules,
)
from .inspect.statistics import (
    Sides as Sides,
)
from .inspect.statistics import (
    Statistics as Statistics,
)
from .planner.cost import (
    Money as Money,
)
from .planner.cost import (
    Target as Target,
)
from .planner.estimate import (
    Forecast as Forecast,
)
from .planner.estimate import (
    StageForecast as StageForecast,
)
from .planner.estimate import (
    plan as plan,
)
from .planner.state import (
    Every as Every,
)
from .planner.state import (
    Selection as Selection,
)
from .planner.totals import (
    Basis as Basis,
)
from .planner.totals import (
    Total as Total,
)
from .recipe import (
    ExecutorSettings as ExecutorSettings,
)
from .recipe import (
    Pipeline as Pipeline,
)
from .recipe import (
    Prices as Prices,
)
from .recipe import (
    Setting as Setting,
)
from .recipe import (
    Step as Step,
)
from .recipe import (
    StorageSettings as StorageSettings,
)
from .recipe import (
    load as load,
)
from .root.manifests import (
    InputFault as InputFault,
)
from .root.manifests import (
    InputFigures as InputFigures,
)
from .root.manifests import (
    Outlier as Outlier,
)
from .root.manifests import (
    StageManifest as StageManifest,
)
from .runner.progress import (
    Listener as Listener,
)
from .runner.run import (
    RunReport as RunReport,
)
from .runner.run import (
    run as run,
)
from .stage.base import (
    Edit as Edit,
)
from .stage.base import (
    Edited as Edited,
)
from .stage.base import (
    Explanation as Explanation,
)
from .stage.base import (
    Filter as Filter,
)
from .stage.base import (
    Records as Records,
)
from .stage.base import (
    Source as Source,
)
from .stage.base import (
    Stage as Stage,
)
from .stage.base import (
    Suited as Suited,
)
from .stage.base import (
    Values as Values,
)
from .stage.base import (
    Watch as Watch,
)
from .stage.documents import (
    CORE as CORE,
)
from .stage.documents import (
    DATE as DATE,
)
from .stage.documents import (
    FILE_HEAD as FILE_HEAD,
)
from .stage.documents import (
    HTML as HTML,
)
from .stage.documents import (
    ID as ID,
)
from .stage.documents import (
    LENGTH as LENGTH,
)
from .stage.documents import (
    OFFSET as OFFSET,
)
from .stage.documents import (
    POINTER as POINTER,
)
from .stage.documents import (
    PROTECTED as PROTECTED,
)
from .stage.documents import (
    RECORD_ID as RECORD_ID,
)
from .stage.documents import (
    TEXT as TEXT,
)
from .stage.documents import (
    TOKENS as TOKENS,
)
from .stage.documents import (
    URL as URL,
)
from .stage.documents import (
    WARC as WARC,
)
from .stage.documents import (
    Docs as Docs,
)
from .stage.documents import (
    document_ids as document_ids,
)
from .stage.documents import (
    file_identity as file_identity,
)
from .stage.documents import (
    id_bytes as id_bytes,
)
from .stage.documents import (
    metrics_column as metrics_column,
)
from .stage.fields import (
    Duration as Duration,
)
from .stage.fields import (
    Size as Size,
)
from .stage.fields import (
    threshold as threshold,
)
from .stage.fields import (
    tuning as tuning,
)
from .stage.global_stage import (
    EARLIER as EARLIER,
)
from .stage.global_stage import (
    EARLIER_BITS as EARLIER_BITS,
)
from .stage.global_stage import (
    PART_BITS as PART_BITS,
)
from .stage.global_stage import (
    Global as Global,
)
from .stage.global_stage import (
    Mapped as Mapped,
)
from .stage.global_stage import (
    MappedPart as MappedPart,
)
from .stage.global_stage import (
    Round as Round,
)
from .stage.rules import (
    Metric as Metric,
)
from .stage.rules import (
    Rule as Rule,
)
from .store import (
    Store as Store,
)
from .store import (
    store_for as store_for,
)
