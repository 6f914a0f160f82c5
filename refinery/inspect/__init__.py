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
from refinery.inspect.books import Books, StageBooks, read_books
from refinery.inspect.clusters import Cluster, Clusters, Retained, alarms, clusters
from refinery.inspect.conservation import FileBooks
from refinery.inspect.difference import Difference, Moved, Movement, StageDifference, diff
from refinery.inspect.edits import edited
from refinery.inspect.evidence import Mark
from refinery.inspect.filters import Filters
from refinery.inspect.find import Document
from refinery.inspect.groups import Count, GroupCounts, StageCounts, Survival, survival
from refinery.inspect.history import Problem, Run, StageStatus, Status, problems, status
from refinery.inspect.holdings import Finding
from refinery.inspect.judgement import Cut, Judgement, MetricValue, RuleResult
from refinery.inspect.quarantine import Case, quarantined
from refinery.inspect.repeats import Repeat, Repeats, spans
from refinery.inspect.samples import Sample, Samples, Wanted, sample
from refinery.inspect.statistics import Audit
from refinery.inspect.strays import Stray, Sweep, sweep
from refinery.inspect.summaries import Summary, summary
from refinery.inspect.texts import MarkedText
from refinery.inspect.verification import Verification, verify
from refinery.inspect.warning_list import Warning, recipe_warnings, warnings  # noqa: A004 - the word of the field
from refinery.inspect.whatif import Change, Flip, Flips, StageYield, WhatIf, Yield, what_if
from refinery.recipe import Setting

__all__ = [
    "Account",
    "Accounts",
    "Audit",
    "Books",
    "Case",
    "Change",
    "Cluster",
    "Clusters",
    "Count",
    "Cut",
    "Difference",
    "Document",
    "FileBooks",
    "Filters",
    "Finding",
    "Flip",
    "Flips",
    "GroupCounts",
    "Judgement",
    "Mark",
    "MarkedText",
    "MetricValue",
    "Moved",
    "Movement",
    "Problem",
    "Repeat",
    "Repeats",
    "Retained",
    "RuleResult",
    "Run",
    "Sample",
    "Samples",
    "Setting",
    "StageBooks",
    "StageCounts",
    "StageDifference",
    "StageStatus",
    "StageYield",
    "Station",
    "Status",
    "Stray",
    "Summary",
    "Survival",
    "Sweep",
    "Verification",
    "Wanted",
    "Warning",
    "WhatIf",
    "Yield",
    "alarms",
    "clusters",
    "diff",
    "edited",
    "problems",
    "quarantined",
    "read_books",
    "recipe_warnings",
    "sample",
    "spans",
    "status",
    "summary",
    "survival",
    "sweep",
    "verify",
    "warnings",
    "what_if",
    "why",
]
