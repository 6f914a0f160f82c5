"""What is planted in the sample: for each kind of page its share, and how one is made. It writes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from refinery.demo.archive import Response
from refinery.demo.chance import Chance, digest
from refinery.demo.pages import address_parts, near_copy, paragraphs, place, render, url
from refinery.demo.prose import Article, data, english, foreign, languages
from refinery.errors import UsageError

HTML = "text/html; charset=utf-8"
SHARED_OUT_OF = 400
LEAST = 100
"""Pages of the smallest sample."""

WORDS = 240
"""Words of an article."""

TABLES = "homepage"
"""The site that is laid out as a table; extractors may join the lines of its pages."""


@dataclass(frozen=True)
class Page:
    """A page of the sample: what it is planted for, its address and what the server says.

    ``of`` is the URL of the page that it copies, ``fault`` what is wrong with its WARC record.
    """

    kind: str
    url: str
    answer: Response
    of: str = ""
    fault: str = ""


class Planter:
    """Makes pages; the same seed makes the same ones in the same order."""

    def __init__(self, seed: int) -> None:
        self.chance = Chance(seed)
        self._english = english(WORDS)
        self._originals: list[tuple[str, Article, Page]] = []

    def article(self) -> Article:
        """An English article that has not been used."""
        return next(self._english)

    def page(self, article: Article, body: str = "", charset: str = "utf-8", address: str = "") -> tuple[str, str]:
        """URL and HTML of an article at some site, or at ``address``."""
        where = place(self.chance, without=TABLES if body else "")
        text = render(article, where, self.chance, charset, body)
        if not address:
            return url(article, where, self.chance), text
        return address.format(slug=address_parts(article, self.chance)["slug"]), text

    def plain(self, kind: str, article: Article, body: str = "", address: str = "") -> Page:
        """A page without any trick of its own."""
        where, text = self.page(article, body, address=address)
        claims = (("X-Crawl-Content-Encoding", "gzip"),) if self.chance.below(3) == 0 else ()
        return Page(kind, where, Response(text.encode(), claims=claims))

    def plant(self, kind: str, count: int) -> Iterator[Page]:
        """``count`` pages of a kind of ``SHARES``."""
        _, make = SHARES[kind]
        for number in range(count):
            yield make(self, kind, number)

    # ------------------------------------------------------------------------------------------ articles and copies

    def original(self, kind: str, number: int) -> Page:
        """An article that is found nowhere else, unless copies of it are planted."""
        del number
        article = self.article()
        page = self.plain(kind, article)
        self._originals.append((page.url, article, page))
        return page

    def with_notices(self, kind: str, number: int) -> Page:
        """An article with one or two paragraphs that many pages share."""
        article = self.article()
        notices = data("texts")["notices"]
        extra = tuple(f"<p>{notices[(number + i) % len(notices)]}</p>" for i in range(1 + number % 2))
        return self.plain(kind, article, paragraphs(article, self.chance, extra))

    def exact_copy(self, kind: str, number: int) -> Page:
        """The bytes of another page under another address."""
        of, article, page = self._originals[2 * number % len(self._originals)]
        return Page(kind, url(article, place(self.chance), self.chance), page.answer, of=of)

    def near_copy(self, kind: str, number: int) -> Page:
        """Another page with a few words replaced, at another site."""
        of, article, _ = self._originals[(2 * number + 1) % len(self._originals)]
        return replace(self.plain(kind, near_copy(article, self.chance)), of=of)

    def foreign(self, kind: str, number: int) -> Page:
        """An article in another language."""
        names = sorted(languages())
        return self.plain(kind, foreign(names[number % len(names)], self.chance))

    def at(self, kind: str, number: int) -> Page:
        """A page whose address is the point: the kinds are the keys of ``urls`` in texts.toml."""
        addresses = data("texts")["urls"][kind.partition(" ")[0]]
        return self.plain(kind, self.article(), address=addresses[number % len(addresses)])

    # ------------------------------------------------------------------------------------------------- poor contents

    def short(self, kind: str, number: int) -> Page:
        """Too few words to be a document."""
        texts = data("texts")["short"]
        title = f"Notice {number + 1}"
        return self.plain(kind, Article(title, (texts[number % len(texts)],)))

    def repetitive(self, kind: str, number: int) -> Page:
        """The same sentence again and again: within paragraphs, or as lines that differ in a number."""
        chants = data("texts")["chants"]
        chant = chants[number % len(chants)]
        lines = (" ".join((chant,) * 8),) * 3 if number % 2 else tuple(f"{chant} Item {i}." for i in range(1, 31))
        return self.plain(kind, Article(f"Offer {number + 1}", lines))

    def counters(self, kind: str, number: int) -> Page:
        """An article with three lines that line rules cut, too few to lose the document."""
        article = self.article()
        lines = data("texts")["counters"]
        extra = tuple(f"<p>{lines[(number + i) % len(lines)]}</p>" for i in range(3))
        return self.plain(kind, article, paragraphs(article, self.chance, extra))

    def shouting(self, kind: str, number: int) -> Page:
        """An article with so many shouted lines that it is more of an advertisement."""
        del number
        article = self.article()
        extra = tuple(f"<p>{line}</p>" for line in data("texts")["shouting"])
        return self.plain(kind, article, paragraphs(article, self.chance, extra))

    def hashtags(self, kind: str, number: int) -> Page:
        """Words with a hashtag at every fourth."""
        words = self.article().paragraphs[0].split(" ") * 3
        tags = data("texts")["tags"]
        text = " ".join(f"{word} {tags[i % len(tags)]}" if i % 4 == 0 else word for i, word in enumerate(words))
        return self.plain(kind, Article(f"Tagged {number + 1}", (text,)))

    def bullets(self, kind: str, number: int) -> Page:
        """Nothing but a list."""
        words = " ".join(self.article().paragraphs).split(" ")
        items = "".join(f"<li>{' '.join(words[i : i + 6])}</li>" for i in range(0, len(words) - 6, 6))
        return self.plain(kind, Article(f"List {number + 1}", ()), f"<ul>{items}</ul>")

    def links(self, kind: str, number: int) -> Page:
        """Nothing but links to other pages."""
        titles = [self._originals[i % len(self._originals)] for i in range(number, number + 40)]
        items = "".join(f'<li><a href="{of}">{article.title}</a></li>' for of, article, _ in titles)
        return self.plain(kind, Article(f"Archive {number + 1}", ()), f"<ul>{items}</ul>")

    def no_text(self, kind: str, number: int) -> Page:
        """A page that a script would fill."""
        shell = b"<!DOCTYPE html><title></title><body><div id=root></div><script>start()</script></body>"
        return Page(kind, f"https://app.example/{number}", Response(shell))

    # ------------------------------------------------------------------------------------------- other than HTML pages

    def other(self, kind: str, number: int) -> Page:
        """Something that is no HTML; the kind says what."""
        noise = digest(kind, number) * 60
        answer = {
            "pdf": Response(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + noise + b"\n%%EOF\n", "application/pdf"),
            "image": Response(b"\x89PNG\r\n\x1a\n" + noise, "image/png"),
            "json": Response(b'{"items": [1, 2, 3], "next": null}', "application/json"),
            "plain text": Response(b"User-agent: *\nDisallow: /private/\n", "text/plain"),
            "mislabelled pdf": Response(b"%PDF-1.4\n" + noise, HTML, identified="application/pdf"),
        }[kind]
        return Page(kind, f"https://files.example/{kind.replace(' ', '-')}/{number}", answer)

    def status(self, kind: str, number: int) -> Page:
        """An answer without a document."""
        status, claims = {
            "not found": ("404 Not Found", ()),
            "server error": ("503 Service Unavailable", ()),
            "redirect": ("301 Moved Permanently", (("Location", "https://quietdesk.example/"),)),
            "empty": ("200 OK", ()),
        }[kind]
        text = "" if kind in ("redirect", "empty") else f"<html><body><h1>{status}</h1><p>Sorry.</p></body></html>"
        answer = Response(text.encode(), HTML, status, claims=claims)
        return Page(kind, f"https://quietdesk.example/old/{kind.replace(' ', '-')}/{number}", answer)

    # ------------------------------------------------------------------------------------------- charsets and codings

    def charset(self, kind: str, number: int) -> Page:
        """Kinds name how the page is written, what the header says and what the page says of itself."""
        written, header, meta, language = CHARSETS[kind][number % len(CHARSETS[kind])]
        article = self.article() if language == "en" else foreign(language, self.chance)
        if language == "en":
            article = replace(article, paragraphs=(*article.paragraphs, data("texts")["accents"]))
        where, text = self.page(article, charset=meta)
        content_type = f"text/html; charset={header}" if header else "text/html"
        return Page(kind, where, Response(text.encode(written, "xmlcharrefreplace"), content_type))

    def coding(self, kind: str, number: int) -> Page:
        """A sound page under the content and transfer codings that the kind names."""
        del number
        page = self.plain(kind, self.article())
        if kind == "false gzip":
            return replace(page, answer=replace(page.answer, claims=(("Content-Encoding", "gzip"),)))
        return replace(page, answer=replace(page.answer, codings=tuple(kind.split(" ")), claims=()))

    def media_type(self, kind: str, number: int) -> Page:
        """A sound page whose media type is rare or missing."""
        del number
        page = self.plain(kind, self.article())
        content_type = "application/xhtml+xml" if kind == "xhtml" else ""
        return replace(page, answer=replace(page.answer, content_type=content_type))

    # ----------------------------------------------------------------------------------------- hostile and broken ones

    def hostile(self, kind: str, number: int) -> Page:
        """A page that is hard on parsers; the kind says how."""
        del number
        article = self.article()
        body = paragraphs(article, self.chance)
        if kind == "deep":
            body = "<div>" * 20_000 + body + "</div>" * 20_000
        elif kind == "large":
            rows = ",".join(f'{{"id": {i}, "name": "item {i}", "price": {i * 37 % 1000}}}' for i in range(48_000))
            body += f"<script>window.inventory = [{rows}];</script>"
        elif kind == "nul":
            body = body.replace(" ", "\0 ", 5).replace("<p>", '<p class="a\0b">', 2)
        else:
            body = re.sub(r"</p>|</h2>", "", body) + "</div></div></b><p <i>unclosed <table><tr><td>cell"
        return self.plain(kind, article, body)

    def faulty(self, kind: str, number: int) -> Page:
        """A sound page in a WARC record that is not; the kind is the fault."""
        del number
        return replace(self.plain(kind, self.article()), fault=kind)


CHARSETS = {
    "latin-1": [("latin-1", "ISO-8859-1", "iso-8859-1", "en")],
    "gb18030": [("gb18030", "gb18030", "gb18030", "zh")],
    "shift_jis": [("shift_jis", "Shift_JIS", "shift_jis", "ja")],
    "windows-1251": [("cp1251", "windows-1251", "windows-1251", "ru")],
    "charset in page": [("cp1251", "", "windows-1251", "ru"), ("cp1252", "", "windows-1252", "en")],
    "no charset": [("cp1252", "", "", "en"), ("utf-8", "", "", "en")],
    "wrong charset": [("utf-8", "ISO-8859-1", "utf-8", "en"), ("cp1252", "utf-8", "utf-8", "en")],
    "byte order mark": [("utf-8-sig", "", "", "en")],
}
"""For each kind the ways to do it: written as, header says, page says, language."""

SHARES: dict[str, tuple[int, Callable[[Planter, str, int], Page]]] = {
    "article": (0, Planter.original),
    "shared paragraph": (40, Planter.with_notices),
    "exact copy": (20, Planter.exact_copy),
    "near copy": (24, Planter.near_copy),
    "other language": (42, Planter.foreign),
    "strict word": (3, Planter.at),
    "hard word": (3, Planter.at),
    "soft words": (3, Planter.at),
    "blocked domain": (4, Planter.at),
    "curated source": (8, Planter.at),
    "innocent word": (4, Planter.at),
    "short": (16, Planter.short),
    "repetitive": (8, Planter.repetitive),
    "counters": (12, Planter.counters),
    "shouting": (8, Planter.shouting),
    "hashtags": (4, Planter.hashtags),
    "bullets": (4, Planter.bullets),
    "links": (6, Planter.links),
    "no text": (2, Planter.no_text),
    "pdf": (4, Planter.other),
    "image": (3, Planter.other),
    "json": (2, Planter.other),
    "plain text": (1, Planter.other),
    "mislabelled pdf": (1, Planter.other),
    "not found": (6, Planter.status),
    "server error": (2, Planter.status),
    "redirect": (6, Planter.status),
    "empty": (3, Planter.status),
    "latin-1": (3, Planter.charset),
    "gb18030": (3, Planter.charset),
    "shift_jis": (3, Planter.charset),
    "windows-1251": (2, Planter.charset),
    "charset in page": (2, Planter.charset),
    "no charset": (2, Planter.charset),
    "wrong charset": (2, Planter.charset),
    "byte order mark": (1, Planter.charset),
    "xhtml": (2, Planter.media_type),
    "no media type": (2, Planter.media_type),
    "gzip": (4, Planter.coding),
    "chunked": (4, Planter.coding),
    "gzip chunked": (2, Planter.coding),
    "deflate": (1, Planter.coding),
    "false gzip": (1, Planter.coding),
    "deep": (1, Planter.hostile),
    "large": (1, Planter.hostile),
    "nul": (1, Planter.hostile),
    "tag soup": (1, Planter.hostile),
    "length too long": (1, Planter.faulty),
    "length too short": (1, Planter.faulty),
    "no record id": (1, Planter.faulty),
    "no target uri": (1, Planter.faulty),
    "truncated": (1, Planter.faulty),
}
"""Pages of each kind among ``SHARED_OUT_OF``, at least one; the rest are articles."""


def counts(pages: int) -> dict[str, int]:
    """How many pages of each kind a sample of ``pages`` has. Raises UsageError where they are too few."""
    if pages < LEAST:
        raise UsageError(f"{pages} pages are too few to hold some of each kind", hint=f"take at least {LEAST}")
    planned = {kind: max(1, share * pages // SHARED_OUT_OF) for kind, (share, _) in SHARES.items()}
    planned["truncated"] = 1
    return planned | {"article": pages - sum(planned.values()) + planned["article"]}


def planted(seed: int, pages: int) -> Sequence[Page]:
    """All pages in the order in which they are crawled. Raises UsageError where they are too few."""
    planter = Planter(seed)
    made = [page for kind, count in counts(pages).items() for page in planter.plant(kind, count)]
    return Chance(seed, "order").shuffled(_with_own_urls(made))


def _with_own_urls(pages: Sequence[Page]) -> list[Page]:
    seen: set[str] = set()
    own = []
    for number, page in enumerate(pages):
        taken = page.url in seen
        own.append(replace(page, url=f"{page.url}{'&' if '?' in page.url else '?'}v={number}") if taken else page)
        seen.add(page.url)
    return own
