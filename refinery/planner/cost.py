"""The cost of a run as a multiple of the cost of finished parts: arithmetic on receipts, and nothing else.

Parts stand for others by the bytes of their input files: a stage takes twice the time for twice the bytes. That is true
for stages that see one document at a time; for global stages it is a guess, because duplicates grow with the data.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import UsageError
from refinery.recipe import Prices, byte_size
from refinery.root.briefs import requests_in

PUTS, GETS = ("put", "post", "list"), ("get", "head")
"""Kinds of requests as stores charge for them; deletions are free."""

GIGABYTE = 10**9
HOUR = 3600
_FILES = re.compile(r"([0-9][0-9,_]*)\s*files?")


@dataclass(frozen=True)
class Target:
    """The amount of input of an estimate: bytes, or files."""

    bytes: int | None = None
    files: int | None = None

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read ``1TB``, ``500 GiB``, ``90000files`` or ``90,000 files``. Raises UsageError for anything else."""
        files = _FILES.fullmatch(text.strip())
        number = int(re.sub("[,_]", "", files[1])) if files else 0 if text.strip().isdigit() else byte_size(text)
        if not number:
            raise UsageError(
                f"--for {text[:80]}: no amount of input", hint="write a size or a number of files: 1TB, '90000 files'"
            )
        return cls(files=number) if files else cls(bytes=number)


@dataclass(frozen=True)
class Cost:
    """The cost of parts of a stage, which stand for ``files`` input files of ``inputs`` bytes.

    ``seconds`` are those in which a worker was busy, ``serial`` of them in tasks that nothing else can share. Bytes:
    ``kept`` of kept rows, ``written`` of all files, ``shuffled`` of those that only a global stage reads, ``text`` of
    kept documents.
    """

    files: int
    inputs: int
    seconds: float = 0.0
    serial: float = 0.0
    kept: int = 0
    written: int = 0
    shuffled: int = 0
    documents: int = 0
    text: int = 0
    requests: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, files: int, inputs: int, parts: pa.Table, others: pa.Table) -> Cost:
        """Add up the ``AMOUNTS`` of receipts: of a stage's ``parts``, and of the ``others``, its shuffle and audit."""
        every = pa.concat_tables([parts, others])
        requests: Counter[str] = Counter()
        for one in requests_in(every):
            requests.update(one)
        alone = others.filter(pc.equal(others["kind"], "resolve"))["seconds"].to_pylist()
        return cls(
            files,
            inputs,
            seconds=math.fsum(every["seconds"].to_pylist()),
            serial=alone[0] if len(alone) == 1 else 0.0,
            kept=_sum(parts, "kept_bytes"),
            written=_sum(every, "bytes"),
            shuffled=_sum(others.filter(pc.not_equal(others["kind"], "audit")), "bytes"),
            documents=_sum(parts, "kept"),
            text=_sum(parts, "text"),
            requests=dict(requests),
        )

    def times(self, factor: float) -> Cost:
        """The cost of ``factor`` times as much."""
        return Cost(
            files=round(self.files * factor),
            inputs=round(self.inputs * factor),
            seconds=self.seconds * factor,
            serial=self.serial * factor,
            kept=round(self.kept * factor),
            written=round(self.written * factor),
            shuffled=round(self.shuffled * factor),
            documents=round(self.documents * factor),
            text=round(self.text * factor),
            requests={kind: round(number * factor) for kind, number in self.requests.items()},
        )

    def factor(self, target: Target) -> float:
        """The ratio of a target to these parts."""
        if target.bytes is not None and self.inputs:
            return target.bytes / self.inputs
        return (target.files or 0) / self.files if self.files else 0.0


def _sum(table: pa.Table, name: str) -> int:
    """Return the sum of a column, without the -1 of receipts that have no such number."""
    return int(np.maximum(table[name].to_numpy(), 0).sum())


def wall(cost: Cost, tasks: int, workers: int) -> float:
    """Seconds until a stage ends that is divided into so many tasks, but for what one task does alone."""
    return cost.serial + (cost.seconds - cost.serial) / max(1, min(workers, tasks))


def uncertainty(inputs: Sequence[int], taken: Sequence[float], of: int) -> float | None:
    """Two standard errors of what is estimated for all ``of`` parts, as a share of it; None from fewer than two parts.

    The ratio estimator (Cochran, Sampling Techniques, 6.3), of what was ``taken`` by parts of so many bytes of input.
    Zero if all parts were measured.
    """
    count = len(inputs)
    if count < 2 or not sum(taken) or not sum(inputs):
        return None
    ratio = sum(taken) / sum(inputs)
    variance = sum((y - ratio * x) ** 2 for x, y in zip(inputs, taken, strict=True)) / (count - 1)
    left = max(0.0, 1 - count / of)
    return 2 * math.sqrt(left * variance / count) / (sum(taken) / count)


@dataclass(frozen=True)
class Money:
    """The price of a run, and of its output each month; None where a price or an amount is not known."""

    currency: str
    compute: float | None
    requests: float | None
    storage: float | None
    """A month."""

    @classmethod
    def of(cls, prices: Prices, seconds: float | None, stored: int | None, requests: Mapping[str, int] | None) -> Money:
        """From amounts, each None if it is not known."""
        puts, gets = (sum((requests or {}).get(kind, 0) for kind in kinds) for kinds in (PUTS, GETS))
        asked = (
            None
            if prices.put_1000 is None and prices.get_1000 is None
            else (puts / 1000 * (prices.put_1000 or 0.0) + gets / 1000 * (prices.get_1000 or 0.0))
        )
        return cls(
            prices.currency,
            _product(prices.core_hour, None if seconds is None else seconds / HOUR),
            None if requests is None else asked,
            _product(prices.gb_month, None if stored is None else stored / GIGABYTE),
        )

    @property
    def once(self) -> float | None:
        """Compute and requests, as far as they are known."""
        known = [amount for amount in (self.compute, self.requests) if amount is not None]
        return sum(known) if known else None


def _product(price: float | None, amount: float | None) -> float | None:
    return None if price is None or amount is None else price * amount
