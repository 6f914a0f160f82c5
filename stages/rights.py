"""Stage ``rights``: what a page and its HTTP header state about its use, and what its host's robots.txt does.

It runs between ``warc`` and ``extract``, because it reads the page's HTML. It removes nothing by default:
``remove`` and ``licences`` are rules. docs/rights.md lists the statements, and what follows where some contradict.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Annotated, Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from refinery import HTML, URL, Asset, AssetError, Docs, Filter, Metric, Rule, Values, threshold
from refinery.kernels import NOTHING, rights_tags
from refinery.stages._rights.cover import NONE, PAGE
from refinery.stages._rights.directives import (
    NEGATIVE,
    contradictions,
    header_fields,
    noted,
    preference,
    reservation,
    sources,
)
from refinery.stages._rights.robots import TRAINING, HostRules, RobotsRules, load
from refinery.stages._rights.statements import Statements
from refinery.stages._rights.tags import tags_of

HEADERS = "warc_metrics"

LICENCES = pa.list_(pa.struct([(name, pa.string()) for name in ("id", "url", "source", "covers")]))
LINKS = pa.list_(pa.struct([("kind", pa.string()), ("url", pa.string())]))

Signal = Literal["noindex", "noarchive", "nosnippet", "noai", "noimageai", "tdm", "train_ai", "blocked"]

_BECAUSE = {
    "noindex": "The page asks not to be in an index.",
    "noarchive": "The page asks not to be archived.",
    "nosnippet": "The page asks not to be quoted.",
    "noai": "The page asks not to be used for AI.",
    "noimageai": "The page asks that its images are not used for AI.",
}


class Rights(Filter):
    """Note what pages state about their use.

    Directives are those for all crawlers; ``directives`` has those for single ones too. ``licences`` are all licences
    that the page states: ``source`` is header, link, meta, data (JSON-LD), rel or anchor, and ``covers`` what it is
    for. ``licence_id`` has the version and jurisdiction of ``licence``. ``links`` lead to RSL, ai.txt and llms.txt.
    ``conflicts`` are statements that contradict each other; the most restrictive one counts. With ``robots``,
    ``blocked_agents`` are the ``agents`` that the robots.txt of the host keeps from the page.
    """

    name: ClassVar = "rights"
    version: ClassVar = 1
    source: ClassVar = (
        "RFC 9309; https://www.w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240510/; https://rslstandard.org"
    )
    reads: ClassVar = (HTML.name, URL.name)
    uses: ClassVar = (HEADERS,)
    metrics: ClassVar = (
        *(
            Metric(name, pa.string(), "label", help=f"where {name} is stated: header, meta or both")
            for name in NEGATIVE
        ),
        Metric("tdm", pa.uint8(), "count", help="1 if text and data mining is reserved, 0 if it is stated not to be"),
        Metric("train_ai", pa.string(), "label", help="no or yes, where the header or robots.txt states it"),
        Metric("licence", pa.string(), "label", help="family of the licence: CC-BY, CC0, …; other"),
        Metric("covers", pa.string(), "label", help="what the licence is for: page, part, unclear; none without one"),
        Metric("blocked", pa.uint32(), "count", "agents", "agents that robots.txt forbids the page; null if not known"),
    )
    evidence: ClassVar = (
        pa.field("licence_id", pa.string()),
        pa.field("licence_url", pa.string()),
        pa.field("licences", LICENCES),
        pa.field("tdm_policy", pa.string()),
        pa.field("directives", pa.list_(pa.string())),
        pa.field("links", LINKS),
        pa.field("conflicts", pa.list_(pa.string())),
        pa.field("blocked_agents", pa.list_(pa.string())),
    )

    robots: Asset | None = Field(None, description="file of robots rules: robots, or a path; null: none are applied")
    agents: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        TRAINING, description="agents whose rules in robots.txt count"
    )
    remove: tuple[Signal, ...] = threshold((), description="statements whose documents are removed; none by default")
    licences: tuple[str, ...] = threshold(
        (), description="licences of the whole page, one of which a document must have: CC-BY, CC0; [] for any or none"
    )

    def rules(self) -> tuple[Rule, ...]:
        """A rule for each statement in ``remove``, and two for ``licences``."""
        stated = [Rule(name, name, _BECAUSE[name], is_in=(NOTHING,)) for name in NEGATIVE if name in self.remove]
        if "tdm" in self.remove:
            stated.append(Rule("tdm", "tdm", "Text and data mining is reserved.", at_most=0))
        if "train_ai" in self.remove:
            stated.append(Rule("train_ai", "train_ai", "Training is forbidden.", not_in=("no",)))
        if "blocked" in self.remove:
            stated.append(Rule("blocked", "blocked", "Agents may not fetch the page.", at_most=0))
        if self.licences:
            stated.append(Rule("no_licence", "covers", "No licence for the whole page.", is_in=(PAGE,)))
            stated.append(Rule("other_licence", "licence", "Another licence.", is_in=self.licences))
        return tuple(stated)

    def versions(self) -> dict[str, str]:
        """Return the version of the parser, if robots rules are applied."""
        return {"protego": metadata.version("protego")} if self.robots else {}

    def check_asset(self, name: str, asset: Asset) -> None:
        """Open the file of robots rules. Raises AssetError for another file, or for agents that it is not about."""
        del name
        unknown = sorted(set(self.agents) - load(asset.path()).agents)
        if unknown:
            hint = f"choose from {', '.join(sorted(load(asset.path()).agents))}"
            raise AssetError(f"{asset}: has no rules for {', '.join(unknown)}", hint=hint)

    def measure(self, docs: Docs) -> Values:
        """Read the header and the tags of every page."""
        pages = [Statements(url or "") for url in docs.column(URL.name).to_pylist()]
        if HEADERS in docs.schema.names:
            for page, stated in zip(pages, _noted(docs), strict=True):
                page.read_fields(header_fields(stated))
        start = 0
        for chunk in _chunks(docs.column(HTML.name)):
            for row, tag in tags_of(rights_tags(chunk)):
                pages[start + row].read(tag)
            start += len(chunk)
        hosts = _hosts(self.robots, pages)
        rows = [_row(page, host, self.agents) for page, host in zip(pages, hosts, strict=True)]
        return {f.name: pa.array([row[f.name] for row in rows], f.type) for f in self.metrics_type()}


def _noted(docs: Docs) -> list[str | None]:
    """Return the fields of headers that the source noted; nulls where it is another source."""
    column = docs.column(HEADERS)
    names = [column.type.field(number).name for number in range(column.type.num_fields)]
    return column.field("rights").to_pylist() if "rights" in names else [None] * len(docs)


def _chunks(pages: Any) -> list[pa.StringArray]:
    return pages.chunks if isinstance(pages, pa.ChunkedArray) else [pages]


def _hosts(robots: Asset | None, pages: Sequence[Statements]) -> list[HostRules | None]:
    """Return the rules of each page's host; their preferences and licences are statements about the page."""
    if robots is None:
        return [None] * len(pages)
    rules: RobotsRules = load(robots.path())
    hosts = [rules.rules_of(page.url) for page in pages]
    for page, host in zip(pages, hosts, strict=True):
        if host is not None:
            page.read_robots(host.preferences, host.licences)
    return hosts


def _row(page: Statements, host: HostRules | None, agents: Sequence[str]) -> dict[str, Any]:
    """Return the metrics and evidence of a page."""
    blocked = None if host is None else host.blocked(page.url, agents)
    robots = {"blocked": None if blocked is None else len(blocked), "blocked_agents": blocked or None}
    if page.is_empty():
        return {**_NOTHING, **robots}
    tdm, tdm_conflict = reservation(page.reservations)
    train, train_conflict = preference(page.preferences)
    best, of_page = page.best(), page.of_page()
    licences_conflict = ", ".join(f"{one.licence.id or one.url} ({one.source})" for one in of_page)
    conflicts = [
        *contradictions(page.directives),
        *filter(None, (tdm_conflict, train_conflict)),
        *([f"licence: {licences_conflict}"] if len(of_page) > 1 else []),
    ]
    return {
        **{name: sources(page.directives, name) for name in NEGATIVE},
        "tdm": tdm,
        "train_ai": train,
        "licence": best.licence.family if best else None,
        "covers": page.covers(),
        "licence_id": best.licence.id if best else None,
        "licence_url": best.url if best else None,
        "licences": [
            {"id": one.licence.id, "url": one.url, "source": one.source, "covers": one.covers} for one in page.licences
        ]
        or None,
        "tdm_policy": next(iter(page.policies), None),
        "directives": noted(page.directives) or None,
        "links": [{"kind": kind, "url": url} for kind, url in page.links] or None,
        "conflicts": conflicts or None,
        **robots,
    }


_NOTHING = {f.name: NONE if f.name == "covers" else None for f in Rights.metrics_type()}
