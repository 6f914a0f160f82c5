"""Statistics as monoids: made for each part, merged by addition, the same in any order."""

from refinery.stats.collect import SIDES, UNITS, StageStatistics
from refinery.stats.measures import Histogram

__all__ = ["SIDES", "UNITS", "Histogram", "StageStatistics"]
