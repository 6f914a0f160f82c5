"""Origins of documents: registered domain, public suffix and month, a row a document."""

from __future__ import annotations

from functools import cache, lru_cache

import pyarrow as pa
import pyarrow.compute as pc
from publicsuffixlist import PublicSuffixList

from refinery.root.statistics import id_hashes
from refinery.stage.documents import DATE, ID, URL, Docs

NONE = ""
"""The name of what a document does not have."""

LONGEST = 253
"""Characters of a host."""


def origins(docs: Docs) -> pa.RecordBatch:
    """Domain, suffix and month of each document as text, "" for none, and the hash by which it is drawn into samples.

    A host that is no name with a public suffix (an IP address, a single word) is its own domain and has no suffix.
    """
    names, rows = docs.schema.names, len(docs)
    columns: dict[str, pa.Array] = dict.fromkeys(("domain", "suffix", "month"), pa.array([NONE] * rows, pa.string()))
    if URL.name in names:
        hosts = _authorities(docs.column(URL.name)).dictionary_encode()
        pairs = [split_host(host) for host in hosts.dictionary.to_pylist()]
        for number, kind in enumerate(("domain", "suffix")):
            columns[kind] = pa.array([pair[number] for pair in pairs], pa.string()).take(hosts.indices)
    if DATE.name in names:
        dates = docs.column(DATE.name)
        months = pc.add(pc.multiply(pc.year(dates), 12), pc.subtract(pc.month(dates), 1))
        encoded = pc.fill_null(months, -1).dictionary_encode()
        months = [_month(number) for number in encoded.dictionary.to_pylist()]
        columns["month"] = pa.array(months, pa.string()).take(encoded.indices)
    columns["hash"] = pa.array(id_hashes(docs.column(ID.name)) if ID.name in names else [0] * rows, pa.uint64())
    return pa.RecordBatch.from_pydict(columns)


def domains(urls: pa.StringArray) -> pa.StringArray:
    """The registered domain of each URL, "" for none."""
    hosts = _authorities(urls).dictionary_encode()
    return pa.array([split_host(host)[0] for host in hosts.dictionary.to_pylist()], pa.string()).take(hosts.indices)


def _authorities(urls: pa.StringArray) -> pa.StringArray:
    """Return the text between ``//`` and the next slash, "" where there is none."""
    pieces = pc.split_pattern(pc.fill_null(urls, NONE), "/", max_splits=3)
    enough = pc.greater(pc.list_value_length(pieces), 2)
    places = pc.if_else(enough, pc.add(pieces.offsets[:-1], 2), pa.scalar(None, pa.int32()))
    return pc.fill_null(pieces.values.take(places), NONE)


def _month(number: int) -> str:
    return NONE if number < 0 else f"{number // 12:04d}-{number % 12 + 1:02d}"


@cache
def _list() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)


@lru_cache(maxsize=200_000)
def split_host(authority: str) -> tuple[str, str]:
    """Registered domain and public suffix of ``user@host:port``. The same hosts come to every stage."""
    host = authority.rpartition("@")[2].partition(":")[0].partition("?")[0].partition("#")[0]
    name = host.strip(".").lower()[:LONGEST]
    if name.replace(".", "").isdigit():
        return name, NONE
    suffix = _list().publicsuffix(name) or NONE
    return _list().privatesuffix(name) or name, suffix if suffix != name else NONE
