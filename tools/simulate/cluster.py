"""The simulated cluster: machines, failure rates, store and driver. Each default names its source."""

from __future__ import annotations

from dataclasses import dataclass, replace

from refinery.executors.ray import REPEATS

GIB = 2**30
NODE_CORES = 16
"""Cores of a machine; the last one of a cluster may have fewer."""


@dataclass(frozen=True)
class Cluster:
    """A cluster without failures and with a store that is never busy, unless the fields say otherwise."""

    nodes: tuple[int, ...] = (1,)
    """Cores of each node."""
    core_memory: int = 4 * GIB
    """Bytes of a node for each of its cores: the general-purpose machines of clouds."""
    begin_seconds: float = 0.0001
    """Of the driver, to hand out a task: half of the round trip of an empty task to a local worker (operations.md)."""
    commit_seconds: float = 0.0002
    """Of the driver, for the outcome of a task."""
    losses_per_hour: float = 0.0
    """Losses of a node, by hour of the node."""
    lost_at: tuple[tuple[int, float], ...] = ()
    """Nodes by their number that are lost at a second, besides."""
    replace_seconds: float = 300.0
    """Until another node is there. Assumed: a cloud's machine takes one to five minutes to boot."""
    deaths_per_hour: float = 0.0
    """Deaths of a worker by hour of a core, such as those by the kernel for want of memory."""
    repeats: int = REPEATS
    """Repetitions of a task after the loss of its node before the runner gets an outcome, as Ray is configured."""
    stragglers: float = 0.0
    """Share of tasks that take ``straggler_factor`` times as long, beside the measured variation."""
    straggler_factor: float = 5.0
    latency: float = 0.0
    """Seconds of a request to the store, of which a task has one at a time."""
    throughput: float = 0.0
    """Bytes a second of a task to or from the store; 0 for no limit."""
    gets_per_second: float = 0.0
    puts_per_second: float = 0.0
    """Requests a second of all tasks together above which the store answers 503; 0 for no limit."""
    seed: int = 0

    @property
    def cores(self) -> int:
        """Cores of all nodes."""
        return sum(self.nodes)

    def with_cores(self, cores: int) -> Cluster:
        """Return the same with so many cores, in nodes of ``NODE_CORES``."""
        full, rest = divmod(cores, NODE_CORES)
        return replace(self, nodes=(NODE_CORES,) * full + ((rest,) if rest else ()))


CLOUD = Cluster(
    begin_seconds=0.0015,
    commit_seconds=0.0015,
    latency=0.03,
    throughput=85e6,
    gets_per_second=5500.0,
    puts_per_second=3500.0,
)
"""Ray on machines beside an S3 bucket.

- driver: an empty task takes 3.1 ms on Ray (docs/operations.md), half to begin and half to end.
- ``throughput`` and the rates are Amazon's figures for a connection and for a prefix:
  https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-guidelines.html
- ``latency``: assumed, of a request within a region; that page has 100 to 200 ms for the slow ones.
"""

FAILING = replace(CLOUD, losses_per_hour=0.02, deaths_per_hour=0.0005, stragglers=0.01)
"""`CLOUD` with failures, all assumed.

A node is lost each 50 hours, which is a bad day of spot machines: of them a twentieth is taken away in a month, by
Amazon's advisor. A worker dies each 2,000 hours. One task in 100 takes 5 times as long.
"""
