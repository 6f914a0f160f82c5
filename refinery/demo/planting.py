"""Creates the pages of the sample, of all kinds (``refinery.demo.kinds``)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from refinery.demo.archive import HttpResponse
from refinery.demo.chance import SeededRandom, digest
from refinery.demo.pages import address_parts, near_copy, paragraphs, render, site_host, url
from refinery.demo.prose import Article, data, english, foreign, languages

HTML = "text/html; charset=utf-8"
WORDS = 240
"""Words of an article."""

TABLES = "homepage"
"""Site with a table layout; extractors may join the lines of its pages."""


@dataclass(frozen=True)
class SamplePage:
    """A page of the sample: its kind, its URL and the server's response.

    ``of`` is the URL of the page that it copies, ``fault`` the defect of its WARC record.
    """

    kind: str
    url: str
    answer: HttpResponse
    of: str = ""
    fault: str = ""


class Planter:
    """Creates pages, equal and in equal order for equal seeds."""

    def __init__(self, seed: int) -> None:
        self.chance = SeededRandom(seed)
        self._english = english(WORDS)
        self._originals: list[tuple[str, Article, SamplePage]] = []

    def article(self) -> Article:
        """Return an unused English article."""
        return next(self._english)

    def page(self, article: Article, body: str = "", charset: str = "utf-8", address: str = "") -> tuple[str, str]:
        """Return URL and HTML of an article on a random site, or at ``address``."""
        where = site_host(self.chance, without=TABLES if body else "")
        text = render(article, where, self.chance, charset, body)
        if not address:
            return url(article, where, self.chance), text
        return address.format(slug=address_parts(article, self.chance)["slug"]), text

    def plain(self, kind: str, article: Article, body: str = "", address: str = "") -> SamplePage:
        """Return an ordinary page with the article."""
        where, text = self.page(article, body, address=address)
        claims = (("X-Crawl-Content-Encoding", "gzip"),) if self.chance.below(3) == 0 else ()
        return SamplePage(kind, where, HttpResponse(text.encode(), claims=claims))

    # ------------------------------------------------------------------------------------------ articles and copies

    def original(self, kind: str, number: int) -> SamplePage:
        """Return a page with a new article, of which other kinds are copies."""
        del number
        article = self.article()
        page = self.plain(kind, article)
        self._originals.append((page.url, article, page))
        return page

    def with_notices(self, kind: str, number: int) -> SamplePage:
        """Return an article with one or two paragraphs that many pages share."""
        article = self.article()
        notices = data("texts")["notices"]
        extra = tuple(f"<p>{notices[(number + i) % len(notices)]}</p>" for i in range(1 + number % 2))
        return self.plain(kind, article, paragraphs(article, self.chance, extra))

    def exact_copy(self, kind: str, number: int) -> SamplePage:
        """Return the bytes of another page at another URL."""
        of, article, page = self._originals[2 * number % len(self._originals)]
        return SamplePage(kind, url(article, site_host(self.chance), self.chance), page.answer, of=of)

    def near_copy(self, kind: str, number: int) -> SamplePage:
        """Return another page with a few words replaced, on another site."""
        of, article, _ = self._originals[(2 * number + 1) % len(self._originals)]
        return replace(self.plain(kind, near_copy(article, self.chance)), of=of)

    def foreign(self, kind: str, number: int) -> SamplePage:
        """Return an article in another language."""
        names = sorted(languages())
        return self.plain(kind, foreign(names[number % len(names)], self.chance))

    def at(self, kind: str, number: int) -> SamplePage:
        """Return a page with a special URL: the kinds are the keys of ``urls`` in texts.toml."""
        addresses = data("texts")["urls"][kind.partition(" ")[0]]
        return self.plain(kind, self.article(), address=addresses[number % len(addresses)])

    # ------------------------------------------------------------------------------------------------- poor contents

    def short(self, kind: str, number: int) -> SamplePage:
        """Return a page with too few words for a document."""
        texts = data("texts")["short"]
        title = f"Notice {number + 1}"
        return self.plain(kind, Article(title, (texts[number % len(texts)],)))

    def repetitive(self, kind: str, number: int) -> SamplePage:
        """Return a page that repeats one sentence, within paragraphs or as lines that differ in a number."""
        chants = data("texts")["chants"]
        chant = chants[number % len(chants)]
        lines = (" ".join((chant,) * 8),) * 3 if number % 2 else tuple(f"{chant} Item {i}." for i in range(1, 31))
        return self.plain(kind, Article(f"Offer {number + 1}", lines))

    def counters(self, kind: str, number: int) -> SamplePage:
        """Return an article with three lines that line rules cut, too few to remove the document."""
        article = self.article()
        lines = data("texts")["counters"]
        extra = tuple(f"<p>{lines[(number + i) % len(lines)]}</p>" for i in range(3))
        return self.plain(kind, article, paragraphs(article, self.chance, extra))

    def shouting(self, kind: str, number: int) -> SamplePage:
        """Return an article with so many upper-case lines that line rules remove it."""
        del number
        article = self.article()
        extra = tuple(f"<p>{line}</p>" for line in data("texts")["shouting"])
        return self.plain(kind, article, paragraphs(article, self.chance, extra))

    def hashtags(self, kind: str, number: int) -> SamplePage:
        """Return a page with a hashtag after every fourth word."""
        words = self.article().paragraphs[0].split(" ") * 3
        tags = data("texts")["tags"]
        text = " ".join(f"{word} {tags[i % len(tags)]}" if i % 4 == 0 else word for i, word in enumerate(words))
        return self.plain(kind, Article(f"Tagged {number + 1}", (text,)))

    def bullets(self, kind: str, number: int) -> SamplePage:
        """Return a page with only a list."""
        words = " ".join(self.article().paragraphs).split(" ")
        items = "".join(f"<li>{' '.join(words[i : i + 6])}</li>" for i in range(0, len(words) - 6, 6))
        return self.plain(kind, Article(f"List {number + 1}", ()), f"<ul>{items}</ul>")

    def links(self, kind: str, number: int) -> SamplePage:
        """Return a page with only links."""
        titles = [self._originals[i % len(self._originals)] for i in range(number, number + 40)]
        items = "".join(f'<li><a href="{of}">{article.title}</a></li>' for of, article, _ in titles)
        return self.plain(kind, Article(f"Archive {number + 1}", ()), f"<ul>{items}</ul>")

    def no_text(self, kind: str, number: int) -> SamplePage:
        """Return a page that only a script would fill."""
        shell = b"<!DOCTYPE html><title></title><body><div id=root></div><script>start()</script></body>"
        return SamplePage(kind, f"https://app.example/{number}", HttpResponse(shell))

    # ------------------------------------------------------------------------------------------- other than HTML pages

    def other(self, kind: str, number: int) -> SamplePage:
        """Return a response of another type than HTML, by kind."""
        noise = digest(kind, number) * 60
        answer = {
            "pdf": HttpResponse(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + noise + b"\n%%EOF\n", "application/pdf"),
            "image": HttpResponse(b"\x89PNG\r\n\x1a\n" + noise, "image/png"),
            "json": HttpResponse(b'{"items": [1, 2, 3], "next": null}', "application/json"),
            "plain text": HttpResponse(b"User-agent: *\nDisallow: /private/\n", "text/plain"),
            "mislabelled pdf": HttpResponse(b"%PDF-1.4\n" + noise, HTML, identified="application/pdf"),
        }[kind]
        return SamplePage(kind, f"https://files.example/{kind.replace(' ', '-')}/{number}", answer)

    def status(self, kind: str, number: int) -> SamplePage:
        """Return a response without a document."""
        status, claims = {
            "not found": ("404 Not Found", ()),
            "server error": ("503 Service Unavailable", ()),
            "redirect": ("301 Moved Permanently", (("Location", "https://quietdesk.example/"),)),
            "empty": ("200 OK", ()),
        }[kind]
        text = "" if kind in ("redirect", "empty") else f"<html><body><h1>{status}</h1><p>Sorry.</p></body></html>"
        answer = HttpResponse(text.encode(), HTML, status, claims=claims)
        return SamplePage(kind, f"https://quietdesk.example/old/{kind.replace(' ', '-')}/{number}", answer)

    # ------------------------------------------------------------------------------------------- charsets and codings

    def charset(self, kind: str, number: int) -> SamplePage:
        """Return a page in another charset, with correct or wrong declarations in header and page."""
        written, header, meta, language = CHARSETS[kind][number % len(CHARSETS[kind])]
        article = self.article() if language == "en" else foreign(language, self.chance)
        if language == "en":
            article = replace(article, paragraphs=(*article.paragraphs, data("texts")["accents"]))
        where, text = self.page(article, charset=meta)
        content_type = f"text/html; charset={header}" if header else "text/html"
        return SamplePage(kind, where, HttpResponse(text.encode(written, "xmlcharrefreplace"), content_type))

    def coding(self, kind: str, number: int) -> SamplePage:
        """Return a sound page with the content and transfer codings of the kind."""
        del number
        page = self.plain(kind, self.article())
        if kind == "false gzip":
            return replace(page, answer=replace(page.answer, claims=(("Content-Encoding", "gzip"),)))
        return replace(page, answer=replace(page.answer, codings=tuple(kind.split(" ")), claims=()))

    def media_type(self, kind: str, number: int) -> SamplePage:
        """Return a sound page whose media type is rare or missing."""
        del number
        page = self.plain(kind, self.article())
        content_type = "application/xhtml+xml" if kind == "xhtml" else ""
        return replace(page, answer=replace(page.answer, content_type=content_type))

    # ----------------------------------------------------------------------------------------- hostile and broken ones

    def hostile(self, kind: str, number: int) -> SamplePage:
        """Return a page that is difficult for parsers, by kind."""
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

    def faulty(self, kind: str, number: int) -> SamplePage:
        """Return a sound page for a WARC record with a fault, by kind."""
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
"""Variants of each kind: encoding, charset in the header, charset in the page, language."""
