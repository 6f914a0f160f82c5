"""Statistics as monoids: made for each part, merged by addition, the same in any order."""

from refinery.statistics.audit import ENTRIES, AuditStatistics, stage_of
from refinery.statistics.collect import GROUPS, LENGTHS, SIDES, UNITS, StageStatistics
from refinery.statistics.groups import KEPT, KINDS, Groups, bound
from refinery.statistics.measures import Histogram, Sample, Tally, bins, edges, id_hashes
from refinery.statistics.origins import NONE, domains, split_host
from refinery.statistics.parts import input_figures, outliers
from refinery.statistics.stored import put_statistics, read_statistics

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
