"""Looking at a root during or after a run: books, samples, one document's way, verification, leftovers, status.

Everything here reads what runs wrote; only ``sweep`` deletes, and nothing prints. By verb:

- ``stats``: ``books``.
- ``why``: ``accounts``.
- ``sample``: ``samples``.
- ``verify``: ``verification``, which reads files (``contents``) and makes parts again (``recompute``).
- ``gc``: ``strays``.
- ``status`` and ``logs``: ``history``.
- Shared by them: ``holdings`` (receipts), ``find`` (rows), ``judgement``, ``replay`` and ``statistics``.
"""

from refinery.inspect.accounts import Account, Accounts, Station, why
from refinery.inspect.books import Books, StageBooks, read_books
from refinery.inspect.find import Document
from refinery.inspect.history import Problem, Run, StageStatus, Status, problems, status
from refinery.inspect.holdings import Finding
from refinery.inspect.judgement import Bound, Cut, Fact, Judgement
from refinery.inspect.samples import Sample, Samples, Wanted, sample
from refinery.inspect.strays import Stray, Sweep, sweep
from refinery.inspect.verification import Verification, verify

__all__ = [
    "Account",
    "Accounts",
    "Books",
    "Bound",
    "Cut",
    "Document",
    "Fact",
    "Finding",
    "Judgement",
    "Problem",
    "Run",
    "Sample",
    "Samples",
    "StageBooks",
    "StageStatus",
    "Station",
    "Status",
    "Stray",
    "Sweep",
    "Verification",
    "Wanted",
    "problems",
    "read_books",
    "sample",
    "status",
    "sweep",
    "verify",
    "why",
]
