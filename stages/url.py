"""Stage ``url``: removes documents by their address alone, before anything is parsed.

Three tests: blocklists of domains and pages, words in the URL, and sources that are kept apart because curated corpora
contain them. It never looks at a host as a raw string: ``le.com`` does not match ``google.com``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import AfterValidator, Field

from refinery import Asset, Docs, Filter, Metric, Rule, Values, threshold
from refinery.kernels import NOTHING, Blocklist, UrlRules, url_metrics
from refinery.stages._url import blocklist, words
from refinery.stages._url.suffixes import suffixes

CURATED = frozenset(
    {
        "arxiv.org",
        "askubuntu.com",
        "courtlistener.com",
        "exporter.nih.gov",
        "github.com",
        "irclogs.ubuntu.com",
        "mathoverflow.net",
        "ncbi.nlm.nih.gov",
        "news.ycombinator.com",
        "reddit.com",
        "stackapps.com",
        "stackexchange.com",
        "stackoverflow.com",
        "statmt.org",
        "uspto.gov",
        "wikipedia.org",
    }
)
"""RefinedWeb, Table 14. Subdomains are meant too."""


def _entry(text: str) -> str:
    entry = blocklist.canonical_entry(text)
    if not entry:
        raise ValueError(f"{text!r} is not a domain or URL")
    return entry


class Url(Filter):
    """Keep documents whose URL is on no blocklist, has no banned words and is no curated source.

    ``matched`` lists the entries of blocklists and the words that were found.
    """

    name: ClassVar = "url"
    version: ClassVar = 1
    source: ClassVar = "RefinedWeb §3.1, G.1; https://arxiv.org/abs/2306.01116"
    reads: ClassVar = ("url",)
    depends: ClassVar = ("publicsuffixlist",)
    metrics: ClassVar = (
        Metric("defect", pa.string(), "label", help="why the URL names no host: missing, no_scheme, no_host, bad_host"),
        Metric("domain", pa.string(), "label", help="category in which a blocklist has the host or a parent domain"),
        Metric("page", pa.string(), "label", help="category in which a blocklist has this very page"),
        Metric(
            "strict", pa.uint32(), "count", "words", "distinct strict words anywhere in the URL, separators removed"
        ),
        Metric("hard", pa.uint32(), "count", "words", "distinct hard words that stand alone"),
        Metric("soft", pa.uint32(), "count", "words", "distinct soft words that stand alone"),
        Metric("curated", pa.string(), "label", help="the curated source that the host belongs to"),
    )
    evidence: ClassVar = (pa.field("matched", pa.list_(pa.string())),)

    blocklists: tuple[Asset, ...] = Field((), description="lists of domains and pages: ut1, or text files by path")
    allow: tuple[Annotated[str, AfterValidator(_entry)], ...] = Field(
        (), description="entries to unlist: false positives of the blocklists"
    )
    strict_words: Asset = Field(Asset("url.strict"), description="words that ban a URL even as part of another word")
    hard_words: Asset = Field(Asset("url.hard"), description="words that ban a URL where they stand alone")
    soft_words: Asset = Field(Asset("url.soft"), description="words that ban a URL together with others of them")
    soft_limit: int = threshold(1, ge=0, description="distinct soft words that a URL may contain")
    curated: bool = threshold(True, description="remove sources that curated corpora contain")

    def rules(self) -> tuple[Rule, ...]:
        """The paper's order: blocklist, words, curated sources."""
        curated = Rule("curated_source", "curated", "Curated corpora contain this source.", is_in=(NOTHING,))
        return (
            Rule("bad_url", "defect", "A document must come from a host.", is_in=(NOTHING,)),
            Rule("blocked_domain", "domain", "A blocklist has the host or a parent domain.", is_in=(NOTHING,)),
            Rule("blocked_url", "page", "A blocklist has this very page.", is_in=(NOTHING,)),
            Rule("strict_word", "strict", "One unambiguous word is enough, wherever it is.", at_most=0),
            Rule("hard_word", "hard", "One such word is enough where it stands alone.", at_most=0),
            Rule("soft_words", "soft", "Suspicious only in combination.", at_most=self.soft_limit),
            *((curated,) if self.curated else ()),
        )

    def check_asset(self, name: str, asset: Asset) -> None:
        """Read a list. Raises AssetError where a line is no entry."""
        load = blocklist.load if name == "blocklists" else words.load
        load(asset.path())

    def measure(self, docs: Docs) -> Values:
        """Look every URL up."""
        rules = _rules(
            tuple(blocklist.load(asset.path()) for asset in self.blocklists),
            frozenset(self.allow),
            words.load(self.strict_words.path()),
            words.load(self.hard_words.path()),
            words.load(self.soft_words.path()),
        )
        metrics = url_metrics(docs.column("url"), rules)
        return dict(zip(metrics.schema.names, metrics.columns, strict=True))


@lru_cache(maxsize=8)
def _rules(
    blocklists: tuple[Blocklist, ...],
    allow: frozenset[str],
    strict: tuple[str, ...],
    hard: tuple[str, ...],
    soft: tuple[str, ...],
) -> UrlRules:
    """Return one object for all batches: a kernel prepares its rules once."""
    return UrlRules(blocklists, allow, strict, hard, soft, CURATED, suffixes())
