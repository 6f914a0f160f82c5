"""Directives for crawlers in HTTP headers and meta elements: robots, text and data mining, use for training."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

HEADER, META, BOTH = "header", "meta", "both"

NEGATIVE = ("noindex", "noarchive", "nosnippet", "noai", "noimageai")
"""Directives that are metrics."""

_OPPOSITE = {"noindex": {"index", "all"}, "noarchive": {"archive"}, "nosnippet": {"snippet"}, "noai": {"ai"}}
_POSITIVE = frozenset().union(*_OPPOSITE.values())
_VALUED = ("max-snippet", "max-image-preview", "max-video-preview", "unavailable_after")
_NOTED = {*NEGATIVE, "nocache", "noml", "notranslate", "noimageindex", "nofollow", "none"}
_AGENT = re.compile(r"\s*([a-z][\w.-]*)\s*:\s*(.*)", re.IGNORECASE | re.DOTALL)
_AGENTS = re.compile(r"[\w.-]*(?:bot|spider|crawler|slurp|teoma|agent)[\w.-]*|google-extended|anthropic-ai|cohere-ai")
_PREFERENCE = re.compile(r"\s*(train-ai|ai-train)\s*=\s*(\?1|\?0|yes|no|y|n)\s*(?:;.*)?", re.IGNORECASE)
_TDM = re.compile(r"[01]")


class Directive(NamedTuple):
    """A directive: where it is stated, to which crawler ("" for all), and its name."""

    source: str
    agent: str
    name: str

    def __str__(self) -> str:
        return f"{self.source}: {self.agent}{': ' if self.agent else ''}{self.name}"


def header_fields(stated: str | None) -> list[tuple[str, str]]:
    """Return names and values of the fields that the source noted."""
    lines = (line.partition(": ") for line in (stated or "").split("\n"))
    return [(name, value) for name, _, value in lines if value]


def from_header(value: str) -> Iterator[Directive]:
    """Yield the directives of a value of X-Robots-Tag. A name with a colon is that of the crawler they are for."""
    agent = ""
    for part in value.split(","):
        named = _AGENT.fullmatch(part)
        if named and named[1].lower() not in _VALUED:
            agent, text = named[1].lower(), named[2]
        else:
            text = part
        yield from _directives(HEADER, "" if agent in {"robots", "*"} else agent, text)


def from_meta(name: str, content: str) -> Iterator[Directive]:
    """Yield the directives of a meta element: of all crawlers if it is named robots, else of the one it names."""
    agent = name.strip().lower()
    if agent == "robots" or _AGENTS.fullmatch(agent):
        for part in content.split(","):
            yield from _directives(META, "" if agent == "robots" else agent, part)


def _directives(source: str, agent: str, text: str) -> Iterator[Directive]:
    name, _, value = "".join(text.lower().split()).partition(":")
    if name == "max-snippet":
        name = "nosnippet" if value == "0" else ""
    if name in _NOTED or name in _POSITIVE:
        yield Directive(source, agent, name)


def sources(directives: Iterable[Directive], name: str) -> str | None:
    """Return where a directive for all crawlers is stated: header, meta, or both; None if nowhere."""
    names = (name, "none") if name == "noindex" else (name,)
    where = {one.source for one in directives if one.name in names and not one.agent}
    return BOTH if len(where) > 1 else next(iter(where), None)


def noted(directives: Iterable[Directive]) -> list[str]:
    """Return the restricting directives as text, each once."""
    return list(dict.fromkeys(str(one) for one in directives if one.name in _NOTED))


def contradictions(directives: Sequence[Directive]) -> Iterator[str]:
    """Yield directives for all crawlers that contradict each other."""
    for name in NEGATIVE:
        where = sources(directives, name)
        against = [one for one in directives if where and not one.agent and one.name in _OPPOSITE.get(name, ())]
        if against:
            yield f"robots: {name} ({where}), {against[0].name} ({against[0].source})"


def reservation(values: Iterable[tuple[str, str]]) -> tuple[int | None, str | None]:
    """Return whether mining is reserved, by sources and values, and a contradiction; 1 counts more than 0."""
    found = [(source, int(value.strip())) for source, value in values if _TDM.fullmatch(value.strip())]
    stated = {value for _, value in found}
    text = ", ".join(f"{value} ({source})" for source, value in dict.fromkeys(found))
    return max(stated, default=None), f"tdm: {text}" if len(stated) > 1 else None


def preference(values: Iterable[str]) -> tuple[str | None, str | None]:
    """Return whether training is permitted by values of Content-Usage and Content-Signal, and a contradiction."""
    matches = (_PREFERENCE.fullmatch(part) for value in values for part in value.split(","))
    stated = {"no" if match[2].lower() in {"n", "no", "?0"} else "yes" for match in matches if match}
    found = "no" if "no" in stated else next(iter(stated), None)
    return found, "train_ai: no, yes" if len(stated) > 1 else None
