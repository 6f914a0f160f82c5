"""Statistics as monoids: made for each part, merged by addition, the same in any order."""

from refinery.stats.audit import ENTRIES, AuditStatistics, stage_of
from refinery.stats.collect import GROUPS, LENGTHS, SIDES, UNITS, StageStatistics
from refinery.stats.measures import Histogram, Sample, Tally, Top, bins, edges, id_hashes
from refinery.stats.origins import KINDS
from refinery.stats.stored import put_statistics, read_statistics

__all__ = [
    "ENTRIES",
    "GROUPS",
    "KINDS",
    "LENGTHS",
    "SIDES",
    "UNITS",
    "AuditStatistics",
    "Histogram",
    "Sample",
    "StageStatistics",
    "Tally",
    "Top",
    "bins",
    "edges",
    "id_hashes",
    "put_statistics",
    "read_statistics",
    "stage_of",
]
