"""Renders articles as HTML pages of several sites, with menus, cookie banners, comments and footers."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace
from string import Template
from typing import Any

from refinery.demo.chance import SeededRandom
from refinery.demo.prose import Article, data, languages

_HEADED = 3
"""Index of the paragraph with a subheading."""


@dataclass(frozen=True)
class SiteHost:
    """A site, whose template the page has, and one of its hosts."""

    site: str
    host: str


def site_host(chance: SeededRandom, without: str = "") -> SiteHost:
    """Choose a site other than ``without``, and one of its hosts."""
    sites = [
        SiteHost(site, host) for site, known in data("sites").items() for host in known["hosts"] if site != without
    ]
    return chance.pick(sites)


def render(article: Article, where: SiteHost, chance: SeededRandom, charset: str = "utf-8", body: str = "") -> str:
    """Return the HTML page of an article on a site; ``body`` replaces the HTML of its paragraphs."""
    texts = data("texts")
    nav = texts["nav"] if article.language == "en" else languages()[article.language]["nav"]
    values = {
        "lang": article.language,
        "charset": charset,
        "title": html.escape(article.title),
        "site": where.host,
        "author": chance.pick(texts["authors"]),
        "nav": _links(nav),
        "related": _links(chance.shuffled(texts["related"])[:6]),
        "comments": _comments(chance),
        "footer": " | ".join(f'<a href="/{_slug(n)}">{n}</a>' for n in nav),
        "body": body or paragraphs(article, chance),
        **address_parts(article, chance),
    }
    return Template(data("sites")[where.site]["template"].lstrip()).substitute(values)


def paragraphs(article: Article, chance: SeededRandom, extra: tuple[str, ...] = ()) -> str:
    """Return the article's paragraphs as HTML with a subheading, and ``extra`` blocks at random positions."""
    blocks = [f"<p>{html.escape(p, quote=False)}</p>" for p in article.paragraphs]
    if len(blocks) > _HEADED and article.language == "en":
        first = " ".join(re.findall(r"[A-Za-z]+", article.paragraphs[_HEADED])[:5])
        blocks.insert(_HEADED, f"<h2>{first}</h2>")
    for block in extra:
        blocks.insert(1 + chance.below(len(blocks)), block)
    return "\n".join(blocks)


def url(article: Article, where: SiteHost, chance: SeededRandom, scheme: str = "https") -> str:
    """Return the URL of an article on a site."""
    path = Template(data("sites")[where.site]["path"]).substitute(address_parts(article, chance))
    return f"{scheme}://{where.host}{path}"


def address_parts(article: Article, chance: SeededRandom) -> dict[str, str]:
    """Return the values for the templates of paths and bylines."""
    year, month, day = 2014 + chance.below(10), 1 + chance.below(12), 1 + chance.below(28)
    return {
        "slug": _slug(article.title),
        "year": str(year),
        "month": f"{month:02}",
        "date": f"{year}-{month:02}-{day:02}",
        "number": str(1000 + chance.below(900_000)),
    }


def near_copy(article: Article, chance: SeededRandom) -> Article:
    """Return the article with four words replaced."""
    changed = list(article.paragraphs)
    for _ in range(4):
        index = chance.below(len(changed))
        words = changed[index].split(" ")
        words[chance.below(len(words))] = chance.pick(data("texts")["words"])
        changed[index] = " ".join(words)
    return replace(article, paragraphs=tuple(changed))


def _links(names: list[str]) -> str:
    return "".join(f'<li><a href="/{_slug(name)}">{html.escape(name)}</a></li>' for name in names)


def _comments(chance: SeededRandom) -> str:
    texts: dict[str, Any] = data("texts")
    comments = chance.shuffled(texts["comments"])[: chance.below(4)]
    return "".join(f"<li><b>{chance.pick(texts['authors'])}</b><p>{text}</p></li>" for text in comments)


def _slug(text: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", text.lower())[:8]) or "page"
