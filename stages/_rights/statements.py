"""The statements about rights on one page: from the fields of its header, and from its tags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from refinery.stages._rights import cover
from refinery.stages._rights.cover import NONE, PAGE, PART, UNCLEAR
from refinery.stages._rights.directives import HEADER, META, Directive, from_header, from_meta
from refinery.stages._rights.licences import OTHER, Licence, by_address, by_name
from refinery.stages._rights.tags import StatedTag, attributes

RSL, AI, LLMS = "rsl", "ai.txt", "llms.txt"
MOST = 64
"""Statements of one kind that are kept."""

_LICENCE_PROPERTIES = {
    *("license", "cc:license", "dc:license", "dct:license", "dcterms:license", "schema:license", "xhv:license"),
    *("dc:rights", "dct:rights", "dcterms:rights", "http://creativecommons.org/ns#license"),
}
_LICENCE_METAS = {
    *("license", "licence", "dc.license", "dcterms.license", "dc.rights", "dcterms.rights", "dc.rights.license"),
}
_RSL_TYPE = "application/rsl+xml"
_LINK_FIELD = re.compile(r"<([^>]*)>([^<]*)")
_PARTS_OF_DATA = {
    *("image", "images", "video", "audio", "associatedMedia", "thumbnail", "hasPart", "distribution", "logo", "photo"),
    *("primaryImageOfPage", "author", "publisher", "creator", "isBasedOn", "citation", "license", "comment"),
}
_DEEPEST = 20


class StatedLicence(NamedTuple):
    """A licence that is stated: its address, where it is stated, and what it is for."""

    licence: Licence
    url: str | None
    source: str
    covers: str


RANKS = ("header", "link", "meta", "data", "rel", "anchor")
"""Sources of licences; of several licences for the page, that of the first source counts."""


@dataclass
class Statements:
    """All statements about rights on a page whose address is ``url``."""

    url: str
    directives: list[Directive] = field(default_factory=list)
    reservations: list[tuple[str, str]] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    preferences: list[str] = field(default_factory=list)
    licences: list[StatedLicence] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)

    def read_fields(self, fields: Iterable[tuple[str, str]]) -> None:
        """Take the fields of the HTTP header."""
        for name, value in fields:
            if name == "x-robots-tag":
                self.directives += from_header(value)
            elif name == "tdm-reservation":
                self.reservations.append((HEADER, value))
            elif name == "tdm-policy":
                self.policies.append(self._absolute(value))
            elif name == "link":
                self._read_link_field(value)
            else:
                self.preferences.append(value)

    def read_robots(self, preferences: Iterable[str], licences: Iterable[str]) -> None:
        """Take what the robots.txt of the host states about all its pages."""
        self.preferences += preferences
        for url in licences:
            self._add_link(RSL, url)

    def read(self, tag: StatedTag) -> None:
        """Take a tag."""
        if tag.name == "script":
            self._read_script(tag)
        elif cover.is_quoted(tag) and tag.name in {"meta", "link"}:
            return
        elif tag.name == "meta":
            self._read_meta(tag)
        else:
            self._read_link(tag)

    def is_empty(self) -> bool:
        """Return True if nothing is stated."""
        found = (self.directives, self.reservations, self.policies, self.preferences, self.licences, self.links)
        return not any(found)

    def of_page(self) -> list[StatedLicence]:
        """Return the licences for the page, each once, the most certain first."""
        if not self.licences:
            return []
        found = sorted((one for one in self.licences if one.covers == PAGE), key=lambda one: RANKS.index(one.source))
        return list({one.licence.id or one.url: one for one in reversed(found)}.values())[::-1]

    def best(self) -> StatedLicence | None:
        """Return the licence for the page, else for a part of it."""
        parts = (one for one in self.licences if one.covers == PART)
        return next(iter(self.of_page()), next(parts, None))

    def covers(self) -> str:
        """Return what the best licence is for."""
        best = self.best()
        return best.covers if best else UNCLEAR if self.licences else NONE

    def _read_meta(self, tag: StatedTag) -> None:
        found = tag.attributes
        content = found.get("content", "")
        names = {found.get(name, "").lower() for name in ("name", "property", "itemprop")} - {""}
        if "name" in found:
            self.directives += from_meta(found["name"], content)
        if "tdm-reservation" in names:
            self.reservations.append((META, content))
        if "tdm-policy" in names and content:
            self.policies.append(self._absolute(content))
        if names & _LICENCE_METAS or names & _LICENCE_PROPERTIES:
            licence = by_address(content) or by_name(content)
            about = PART if cover.is_about_other(tag, self.url) else PAGE
            if licence is not None:
                self._add(licence, content if "/" in content else None, META, about)

    def _read_link(self, tag: StatedTag) -> None:
        found = tag.attributes
        stated = set(tag.words("rel", "property", "itemprop"))
        href = found.get("href") or found.get("resource") or found.get("content") or ""
        file = urlsplit(_safe(href)).path.rpartition("/")[2].lower()
        if found.get("type", "").lower() == _RSL_TYPE:
            self._add_link(RSL, href)
        elif tag.name in {"a", "area", "link"} and file in {"ai.txt", "llms.txt", "llms-full.txt"}:
            self._add_link(AI if file == "ai.txt" else LLMS, href)
        elif declared := stated & _LICENCE_PROPERTIES:
            self._read_licence(tag, href, declared)
        elif (licence := by_address(href)) and ("copyright" in stated or licence.family != "GFDL"):
            if tag.name == "link":
                if "copyright" in stated:
                    self._add(licence, href, "link", PAGE)
            elif tag.name in {"a", "area"}:
                self._add(licence, href, "anchor", cover.of_link(tag, declared=False))

    def _read_licence(self, tag: StatedTag, href: str, declared: set[str]) -> None:
        """Take a tag that declares a licence by ``rel``, ``property`` or ``itemprop``."""
        if not href or href.startswith(("#", "javascript:", "mailto:", "data:")):
            return
        licence = by_address(href)
        if declared <= {name for name in declared if name.endswith("rights")} and licence is None:
            return
        licence = licence or by_name(_safe(href)) or by_name(tag.text) or Licence(OTHER, None)
        if cover.is_about_other(tag, self.url):
            covers = PART
        elif tag.name == "link":
            covers = PAGE
        elif "license" in tag.words("itemprop"):
            covers = cover.of_item(tag)
        else:
            covers = cover.of_link(tag, declared=True)
        self._add(licence, href, "link" if tag.name == "link" else "rel", covers)

    def _read_script(self, tag: StatedTag) -> None:
        if _RSL_TYPE in tag.attributes.get("type", "").lower():
            self._add_link(RSL, self.url)
            return
        try:
            data = json.loads(tag.after, strict=False)
        except (ValueError, RecursionError):
            return
        for covers, value in _stated_in(data, 0):
            licence = by_address(value) or by_name(value)
            is_address = value.startswith(("http://", "https://", "/"))
            if licence or is_address:
                self._add(licence or Licence(OTHER, None), value if is_address else None, "data", covers)

    def _read_link_field(self, value: str) -> None:
        for url, parameters in _LINK_FIELD.findall(value):
            found = attributes(f"<link {parameters.replace(';', ' ').replace(',', ' ')}>")
            relations = found.get("rel", "").lower().split()
            if "license" in relations and found.get("type", "").lower() == _RSL_TYPE:
                self._add_link(RSL, url)
            elif "license" in relations:
                self._add(by_address(url) or Licence(OTHER, None), url, HEADER, PAGE)

    def _add(self, licence: Licence, url: str | None, source: str, covers: str) -> None:
        made = StatedLicence(licence, None if url is None else self._absolute(url), source, covers)
        if made not in self.licences and len(self.licences) < MOST:
            self.licences.append(made)

    def _add_link(self, kind: str, url: str) -> None:
        made = (kind, self._absolute(url))
        if made not in self.links and len(self.links) < MOST:
            self.links.append(made)

    def _absolute(self, url: str) -> str:
        try:
            return urljoin(self.url, url.strip())
        except ValueError:
            return url


def _safe(url: str) -> str:
    """Return a URL that can be split; "" for one that cannot."""
    try:
        urlsplit(url)
    except ValueError:
        return ""
    return url


def _stated_in(data: Any, depth: int, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield what each licence in JSON-LD is for, and its address or name."""
    if depth > _DEEPEST:
        return
    if isinstance(data, list):
        for one in data:
            yield from _stated_in(one, depth + 1, above)
    elif isinstance(data, dict):
        covers = above or cover.of_type(data.get("@type"))
        for value in _values(data.get("license")):
            yield covers, value
        for name, value in data.items():
            if isinstance(value, dict | list) and name != "license":
                yield from _stated_in(value, depth + 1, PART if above or name in _PARTS_OF_DATA else "")


def _values(stated: Any) -> Iterator[str]:
    for one in stated if isinstance(stated, list) else [stated]:
        value = (one.get("@id") or one.get("url")) if isinstance(one, dict) else one
        if isinstance(value, str) and value.strip():
            yield value.strip()
