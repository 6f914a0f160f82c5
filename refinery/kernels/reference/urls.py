"""Metrics of a URL: its defects, its domains and pages on blocklists, and words in it.

It measures only; the caller loads the lists and decides what is removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from refinery.kernels.reference.addresses import domains, parse_url
from refinery.kernels.reference.blocklist import Blocklist

NOTHING = "none"
"""The value of a label column without a match."""

URL_METRICS = pa.schema(
    [
        ("defect", pa.string()),
        ("domain", pa.string()),
        ("page", pa.string()),
        ("strict", pa.uint32()),
        ("hard", pa.uint32()),
        ("soft", pa.uint32()),
        ("curated", pa.string()),
        ("matched", pa.list_(pa.string())),
    ]
)
"""The columns of ``url_metrics``."""

_WORD = re.compile(r"[^\W_]+")
_SEPARATORS = re.compile(r"[-._~+,\s]+")


@dataclass(frozen=True, eq=False)
class UrlRules:
    """Lists that URLs are compared with. Words are in lower case, of letters and digits only; hosts are canonical."""

    blocklists: tuple[Blocklist, ...]
    """Blocklists of hosts and pages; the category is that of the first list with an entry."""
    allow: frozenset[str]
    """Entries that count as not listed."""
    strict: tuple[str, ...]
    """Words that are looked for anywhere, even inside others. Like the other words sorted, each once."""
    hard: tuple[str, ...]
    soft: tuple[str, ...]
    """``hard`` and ``soft`` words are found where they stand alone."""
    curated: frozenset[str]
    """Domains in curated corpora."""
    suffixes: frozenset[str]
    """Rules of the Public Suffix List."""


def url_metrics(urls: pa.StringArray, rules: UrlRules) -> pa.RecordBatch:
    """Every column of ``URL_METRICS`` for each URL. Linear in the length of the URLs.

    ``defect`` is why a URL names no host (see ``parse_url``), ``domain`` the category of the first listed one among the
    host and its parent domains, ``page`` that of the page, ``strict``, ``hard`` and ``soft`` count distinct words,
    ``curated`` is the first curated domain, and ``matched`` names every entry and word that was found. Raises
    ValueError for a URL that is not UTF-8.
    """
    rows = [_row(url, rules) for url in urls.to_pylist()]
    columns = [[row[place] for row in rows] for place in range(len(URL_METRICS))]
    return pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, URL_METRICS, strict=True)], schema=URL_METRICS
    )


def _row(url: str | None, rules: UrlRules) -> tuple[Any, ...]:
    address = parse_url(url)
    hosts = domains(address.host, rules.suffixes) if address.host else ()
    domain = list(_on_lists(hosts, rules))
    page = list(_on_lists((address.page,) if address.page else (), rules))
    text = spoken(url or "")
    joined = squeezed(text)
    alone = whole_words(text)
    strict = [word for word in rules.strict if word in joined]
    hard = [word for word in rules.hard if word in alone]
    soft = [word for word in rules.soft if word in alone]
    curated = next((host for host in hosts if host in rules.curated), NOTHING)
    matched = [entry for entry, _ in domain + page]
    matched += [f"{kind} {word}" for kind, words in zip(_KINDS, (strict, hard, soft), strict=True) for word in words]
    return (address.defect, _first(domain), _first(page), len(strict), len(hard), len(soft), curated, matched)


_KINDS = ("strict", "hard", "soft")


def _on_lists(entries: Sequence[str], rules: UrlRules) -> Iterator[tuple[str, str]]:
    """The listed ones of ``entries`` with their categories, by list and then in the given order."""
    for blocklist in rules.blocklists:
        for entry in entries:
            category = None if entry in rules.allow else blocklist.category(entry)
            if category is not None:
                yield entry, category


def _first(matches: Sequence[tuple[str, str]]) -> str:
    return matches[0][1] if matches else NOTHING


def spoken(url: str) -> str:
    """Return the text that is searched for words: the URL without its scheme, percent-decoded once, in lower case."""
    return unquote(url.partition("://")[2] or url).lower()


def squeezed(text: str) -> str:
    """The text without the separators that break words: ``- . _ ~ + ,`` and white space.

    ``/ ? & = : @ #`` stay: they part things that were never one word (``/group/sexual-health``).
    """
    return _SEPARATORS.sub("", text)


def whole_words(text: str) -> set[str]:
    """The runs of letters and digits."""
    return set(_WORD.findall(text))
