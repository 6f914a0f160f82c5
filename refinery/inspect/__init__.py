"""Looking at a root during or after a run: books, samples, one document's way, verification, leftovers, status.

Everything here reads what runs wrote; only ``sweep`` deletes, and nothing prints. By verb:

- ``stats``: ``books``, with ``--by`` ``groups``.
- ``why``: ``accounts``, with ``texts``.
- ``sample``: ``samples``, with ``filters`` and ``evidence``.
- ``clusters``: ``clusters``.
- ``spans``: ``repeats``.
- ``what-if``: ``whatif``.
- ``diff``: ``difference``.
- ``check`` and ``stats``: ``edits``.
- ``verify``: ``verification``, which reads files (``contents``), follows the records of each input file
  (``conservation``) and makes parts again (``recompute``).
- ``gc``: ``strays``.
- ``run``: ``summaries``.
- ``run``, ``stats``, ``status``, ``logs`` and the report: ``warning_list``.
- ``status`` and ``logs``: ``history``, and for ``--quarantine`` ``quarantine``.
- Shared by them: ``holdings`` (receipts), ``find`` (rows), ``judgement``, ``replay`` and ``statistics``.
"""

from refinery.inspect.accounts import Account, Accounts, Station, why
from refinery.inspect.clusters import Cluster, Clusters, Retained, clusters, vanishing_domains
from refinery.inspect.counts import RootCounts, StageCounts, read_counts
from refinery.inspect.difference import ChangedDocument, OutcomeChange, RootDifference, StageDifference, diff
from refinery.inspect.edits import edited
from refinery.inspect.evidence import Mark
from refinery.inspect.file_counts import FileCounts
from refinery.inspect.filters import Filters
from refinery.inspect.find import Document
from refinery.inspect.garbage import Garbage, UnreferencedFile, collect_garbage
from refinery.inspect.groups import Count, GroupCounts, GroupOutcomes, Survival, survival
from refinery.inspect.judgement import Cut, Judgement, MetricValue, RuleResult
from refinery.inspect.quarantine import Case, quarantined
from refinery.inspect.reader import Finding
from refinery.inspect.repeats import Repeat, Repeats, spans
from refinery.inspect.runs import RootStatus, RunProblem, RunStatus, StageStatus, problems, status
from refinery.inspect.samples import Sample, SampleQuery, Samples, sample
from refinery.inspect.statistics import Audit
from refinery.inspect.summaries import Summary, summary
from refinery.inspect.texts import MarkedText
from refinery.inspect.verification import Verification, verify
from refinery.inspect.warning_list import RootWarning, recipe_warnings, warnings
from refinery.inspect.whatif import Change, Flip, Flips, StageYield, WhatIf, Yield, what_if
from refinery.recipe import Setting

__all__ = [
    "Account",
    "Accounts",
    "Audit",
    "Case",
    "Change",
    "ChangedDocument",
    "Cluster",
    "Clusters",
    "Count",
    "Cut",
    "Document",
    "FileCounts",
    "Filters",
    "Finding",
    "Flip",
    "Flips",
    "Garbage",
    "GroupCounts",
    "GroupOutcomes",
    "Judgement",
    "Mark",
    "MarkedText",
    "MetricValue",
    "OutcomeChange",
    "Repeat",
    "Repeats",
    "Retained",
    "RootCounts",
    "RootDifference",
    "RootStatus",
    "RootWarning",
    "RuleResult",
    "RunProblem",
    "RunStatus",
    "Sample",
    "SampleQuery",
    "Samples",
    "Setting",
    "StageCounts",
    "StageDifference",
    "StageStatus",
    "StageYield",
    "Station",
    "Summary",
    "Survival",
    "UnreferencedFile",
    "Verification",
    "WhatIf",
    "Yield",
    "clusters",
    "collect_garbage",
    "diff",
    "edited",
    "problems",
    "quarantined",
    "read_counts",
    "recipe_warnings",
    "sample",
    "spans",
    "status",
    "summary",
    "survival",
    "vanishing_domains",
    "verify",
    "warnings",
    "what_if",
    "why",
]
