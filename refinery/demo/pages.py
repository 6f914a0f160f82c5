"""The sample's pages: articles inside the templates of sites, with menus, cookie banners, comments and footers."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace
from string import Template
from typing import Any

from refinery.demo.chance import Chance
from refinery.demo.prose import Article, data, languages

_HEADED = 3
"""The paragraph that gets a subheading."""


@dataclass(frozen=True)
class Place:
    """Where a page stands: the site that shapes it, and a host."""

    site: str
    host: str


def place(chance: Chance, without: str = "") -> Place:
    """A site, another than ``without``, and one of its hosts."""
    sites = [Place(site, host) for site, known in data("sites").items() for host in known["hosts"] if site != without]
    return chance.pick(sites)


def render(article: Article, where: Place, chance: Chance, charset: str = "utf-8", body: str = "") -> str:
    """The HTML of an article at a place; ``body`` replaces the HTML of its paragraphs."""
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


def paragraphs(article: Article, chance: Chance, extra: tuple[str, ...] = ()) -> str:
    """The article's paragraphs as HTML, a subheading here and there, ``extra`` blocks put between them."""
    blocks = [f"<p>{html.escape(p, quote=False)}</p>" for p in article.paragraphs]
    if len(blocks) > _HEADED and article.language == "en":
        first = " ".join(re.findall(r"[A-Za-z]+", article.paragraphs[_HEADED])[:5])
        blocks.insert(_HEADED, f"<h2>{first}</h2>")
    for block in extra:
        blocks.insert(1 + chance.below(len(blocks)), block)
    return "\n".join(blocks)


def url(article: Article, where: Place, chance: Chance, scheme: str = "https") -> str:
    """The address of an article at a place."""
    path = Template(data("sites")[where.site]["path"]).substitute(address_parts(article, chance))
    return f"{scheme}://{where.host}{path}"


def address_parts(article: Article, chance: Chance) -> dict[str, str]:
    """What paths and bylines are made of."""
    year, month, day = 2014 + chance.below(10), 1 + chance.below(12), 1 + chance.below(28)
    return {
        "slug": _slug(article.title),
        "year": str(year),
        "month": f"{month:02}",
        "date": f"{year}-{month:02}-{day:02}",
        "number": str(1000 + chance.below(900_000)),
    }


def near_copy(article: Article, chance: Chance) -> Article:
    """The article with four words replaced."""
    changed = list(article.paragraphs)
    for _ in range(4):
        which = chance.below(len(changed))
        words = changed[which].split(" ")
        words[chance.below(len(words))] = chance.pick(data("texts")["words"])
        changed[which] = " ".join(words)
    return replace(article, paragraphs=tuple(changed))


def _links(names: list[str]) -> str:
    return "".join(f'<li><a href="/{_slug(name)}">{html.escape(name)}</a></li>' for name in names)


def _comments(chance: Chance) -> str:
    texts: dict[str, Any] = data("texts")
    said = chance.shuffled(texts["comments"])[: chance.below(4)]
    return "".join(f"<li><b>{chance.pick(texts['authors'])}</b><p>{text}</p></li>" for text in said)


def _slug(text: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", text.lower())[:8]) or "page"
