"""Statistics as monoids: made for each part, merged by addition, the same in any order."""

from refinery.stats.audit import ENTRIES, AuditStatistics, stage_of
from refinery.stats.collect import GROUPS, LENGTHS, SIDES, UNITS, StageStatistics
from refinery.stats.groups import KEPT, KINDS, Groups, bound
from refinery.stats.measures import Histogram, Sample, Tally, bins, edges, id_hashes
from refinery.stats.origins import NONE, domains, split_host
from refinery.stats.parts import input_figures, outliers
from refinery.stats.stored import put_statistics, read_statistics

__all__ = [
    "ENTRIES",
    "GROUPS",
    "KEPT",
    "KINDS",
    "LENGTHS",
    "NONE",
    "SIDES",
    "UNITS",
    "AuditStatistics",
    "Groups",
    "Histogram",
    "Sample",
    "StageStatistics",
    "Tally",
    "bins",
    "bound",
    "domains",
    "edges",
    "id_hashes",
    "input_figures",
    "outliers",
    "put_statistics",
    "read_statistics",
    "split_host",
    "stage_of",
]
