"""Filters of documents by language, registered domain and URL, over the rows of any stage that stores these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import UsageError
from refinery.inspect.reader import RootReader, StageEntry
from refinery.recipe.columns import flows
from refinery.root.parquet import schema_of
from refinery.stage.documents import LANG, URL
from refinery.statistics.origins import domains, split_host

LONGEST = 500
"""Characters of a URL pattern: a long one takes long to look for."""


@dataclass(frozen=True)
class Filters:
    """Conditions that a document must meet, those that are not None.

    ``language`` is a label as a stage identified it, ``domain`` a registered domain, ``url`` a part of the URL, or all
    of it where it has a ``*``, which stands for any characters; capital letters do not matter.
    """

    language: str | None = None
    domain: str | None = None
    url: str | None = None

    def check(self) -> None:
        """Raise UsageError for what no document can meet."""
        if self.domain is not None and split_host(self.domain)[0] != self.domain.lower():
            raise UsageError(
                f"{self.domain[:80]!r} is no registered domain",
                hint=f"--domain {split_host(self.domain)[0]}, or a host by --url '*://{self.domain[:80]}/*'",
            )
        if self.url is not None and len(self.url) > LONGEST:
            raise UsageError(f"a URL pattern of {len(self.url):,} characters", hint=f"at most {LONGEST}")

    def columns(self, reader: RootReader, entry: StageEntry) -> list[str]:
        """Return the columns to read. Raises UsageError where the stage comes before languages are identified."""
        names = [URL.name] if self.domain is not None or self.url is not None else []
        if self.language is None:
            return names
        stage_flows = flows(reader.pipeline.steps)
        if not stage_flows[entry.position].has_language:
            pairs = zip(reader.pipeline.steps, stage_flows, strict=True)
            later = next((step.name for step, flow in pairs if flow.has_language), "")
            raise UsageError(
                f"at {entry.name} no language is identified yet" if later else "no stage identifies languages",
                hint=f"--stage {later}, or a later one" if later else "leave out --language",
            )
        return [*names, LANG.name]

    def knows(self, reader: RootReader, entry: StageEntry) -> bool:
        """Return whether what the conditions need is known at a stage."""
        return self.language is None or flows(reader.pipeline.steps)[entry.position].has_language

    def stored(self, reader: RootReader, entry: StageEntry, sides: Sequence[str]) -> bool:
        """Return whether the files of a stage have the columns."""
        wanted = set(self.columns(reader, entry))
        files = [f.path for s in sides for r in reader.receipts(entry)[:1] for f in r.files.get(s, ())[:1]]
        return all(wanted <= set(schema_of(reader.root, path).names) for path in files)

    def mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Return true for the rows of a batch that meet every condition."""
        mask = pa.array([True] * len(batch), pa.bool_())
        if self.domain is not None:
            mask = pc.and_(mask, _in_domain(batch.column(URL.name), self.domain.lower()))
        if self.url is not None:
            mask = pc.and_(mask, _like(batch.column(URL.name), self.url))
        if self.language is not None:
            mask = pc.and_(mask, pc.equal(batch.column(LANG.name), self.language))
        return pc.fill_null(mask, False)


ALL = Filters()
"""No condition."""


def _in_domain(urls: pa.StringArray, domain: str) -> pa.BooleanArray:
    near = pc.fill_null(pc.match_substring(urls, domain, ignore_case=True), False)
    exact = pc.equal(domains(urls.filter(near)), domain)
    return pc.replace_with_mask(near, near, exact)


def _like(urls: pa.StringArray, pattern: str) -> pa.BooleanArray:
    if "*" not in pattern:
        return pc.match_substring(urls, pattern, ignore_case=True)
    literal = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return pc.match_like(urls, literal.replace("*", "%"), ignore_case=True)
