"""Statistics as monoids: made for each part, merged by addition, the same in any order."""

from refinery.stats.collect import (
    ENTRIES,
    GROUPS,
    LENGTHS,
    SIDES,
    UNITS,
    StageStatistics,
    read_statistics,
    write_statistics,
)
from refinery.stats.measures import Histogram, Sample, Tally, Top, bins, edges, id_hashes
from refinery.stats.origins import KINDS

__all__ = [
    "ENTRIES",
    "GROUPS",
    "KINDS",
    "LENGTHS",
    "SIDES",
    "UNITS",
    "Histogram",
    "Sample",
    "StageStatistics",
    "Tally",
    "Top",
    "bins",
    "edges",
    "id_hashes",
    "read_statistics",
    "write_statistics",
]
