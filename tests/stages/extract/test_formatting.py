"""Formatting of extracted text."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings, strategies as st

from refinery.stages._extract.formatting import (
    MarkedSpan,
    format_cuts,
    format_marked,
    format_text,
    limit_newlines,
    remove_urls,
)

fragments = st.sampled_from(
    [
        "http://",
        "HTTPS://x.org/a_(b)",
        "ftp://f.net",
        "www.",
        "www.a.com",
        "a@www.b.org",
        "1.2.is",
        "word",
        "我们",
        "访问",
        " ",
        "\n",
        "\t",
        "\r",
        "\r\n",
        ".",
        ",",
        ")",
        "(",
        "]",
        "}",
        '"',
        "<",
        ">",
        "|",
        "/",
        "-",
        "_",
        "。",
        "（",
        "\xa0",
    ]
)
texts = st.lists(fragments, max_size=25).map("".join)


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ("a\n\n\nb", "a\n\nb"),
        ("a\n\nb", "a\n\nb"),
        ("a\r\n\r\n\r\nb", "a\n\nb"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\n \n \nb", "a\n \n \nb"),
        ("\n\n  a\n\n\n", "  a"),
        ("", ""),
    ],
)
def test_newlines(text: str, formatted: str) -> None:
    """Every kind of newline becomes one, runs of three or more become two, and none is left around the text."""
    assert format_text(text) == formatted


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("see http://x.y now", "see now"),
        ("see HTTPS://X.Y/a?b=c#d now", "see now"),
        ("get ftp://x.y/f.gz", "get"),
        ("see www.x.y/z now", "see now"),
        ("http://x.y now", "now"),
        ("  http://x.y now", "now"),
        ("Welcome to http://x.y", "Welcome to"),
        ("Quality at www.x.com, always", "Quality at, always"),
        ("1. http://x.y", "1."),
        ("(http://x.y).", "()."),
        ("Is it http://x.y? Yes!", "Is it? Yes!"),
        ("see http://x.y/a.b.", "see."),
        ("“http://x.y”", "“”"),
        ("[text](http://x.y/a)", "[text]()"),
        ("(see http://x.y/a_(b))", "(see)"),
        ("http://x.y/a_(b)", ""),
        ("<http://x.y>|http://x.y|z", "<>||z"),
        ("http://a.b/http://c.d e", "e"),
        ("see http://a.b http://c.d, or http://e.f.", "see, or."),
        ("from:http://x.y", "from:"),
        ("请看http://x.cn/页，谢谢", "请看，谢谢"),
        ("see http:// now", "see now"),
        ("see http://… now", "see… now"),
        ("say\u00a0http://x.y\u00a0now", "say\u00a0now"),
    ],
)
def test_urls_go(text: str, left: str) -> None:
    """A URL goes with the blanks before it; punctuation that belongs to the sentence stays."""
    assert remove_urls(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "1.2.is it",
        "write to me@example.org or a.b@www.example.org",
        "example.org/path and sub.www.example.org",
        "the www. prefix",
        "shttp://x.y",
        "a:// b",
        "httpd and ftp are programs",
        "http:/x.y",
        "  indented  text\t",
    ],
)
def test_what_is_no_url_stays(text: str) -> None:
    """E-mail addresses, bare hosts and words that only look alike stay as they are."""
    assert remove_urls(text) == text


def test_lines_of_urls_go_whole() -> None:
    """A line that held only URLs goes with its newline, so that it makes no paragraph; other blank lines stay."""
    assert remove_urls("a\nhttp://x.y www.z.org\nb") == "a\nb"
    assert remove_urls("a\n\nhttp://x.y\n\nb") == "a\n\n\nb"
    assert format_text("a\n\nhttp://x.y\n\nb") == "a\n\nb"
    assert format_text("http://x.y") == ""


@given(texts)
@settings(max_examples=300)
def test_formatting_twice_is_formatting_once(text: str) -> None:
    """What is formatted has nothing left to format."""
    once = format_text(text)
    assert format_text(once) == once
    assert "\r" not in once
    assert "\n\n\n" not in once


@given(texts)
@settings(max_examples=200)
def test_nothing_is_added(text: str) -> None:
    """The formatted text is what remains of the text: its characters, in order."""
    unified = iter(re.sub("\r\n?", "\n", text))
    assert all(character in unified for character in format_text(text))


@given(st.text(alphabet="ab \n\t.", max_size=60))
@settings(max_examples=100)
def test_text_without_urls_is_only_limited(text: str) -> None:
    """Without URLs only newlines change."""
    assert format_text(text) == re.sub("\n{3,}", "\n\n", text).strip("\n")
    assert limit_newlines(text) == re.sub("\n\n\n+", "\n\n", text)


@pytest.mark.parametrize(
    "unit", ["http://", "www.a", "(", ")", "http://a)", " ", "\n", "\r", "www.", ".", "http://a.b "]
)
def test_time_is_linear(unit: str) -> None:
    """A hostile megabyte takes no longer than an ordinary one by orders of magnitude."""
    text = "http://x.y/" + unit * (1_000_000 // len(unit)) + "x"
    started = time.process_time()
    format_text(text)
    assert time.process_time() - started < 5


@given(texts)
@settings(max_examples=500, deadline=None)
def test_cuts_are_all_that_formatting_takes_out(text: str) -> None:
    """A text without its cuts is the text as formatted; each cut is there at its place."""
    cuts, data = format_cuts(text), text.encode()
    assert all(data[cut["offset"] :][: cut["length"]] == cut["text"].encode() for cut in cuts)
    ends = [0, *(place for cut in cuts for place in (cut["offset"], cut["offset"] + cut["length"])), len(data)]
    left = b"".join(data[start:end] for start, end in zip(ends[::2], ends[1::2], strict=True))
    assert left.decode().replace("\r", "\n") == format_text(text)


@given(st.lists(texts.map(lambda text: text.replace("\r", "")), max_size=8), st.data())
@settings(max_examples=200)
def test_spans_are_still_around_their_lines(pieces: list[str], data: st.DataObject) -> None:
    """The text is formatted as without spans, and what is in them is what is left of their lines."""
    kinds = [data.draw(st.sampled_from([None, "code", "table"])) for _ in pieces]
    spans: list[MarkedSpan] = []
    end = 0
    for piece, kind in zip(pieces, kinds, strict=True):
        size = len(piece.encode())
        spans += [{"start": end, "end": end + size, "kind": kind}] if kind else []
        end += size + 1
    text, after = format_marked("\n".join(pieces), spans)
    assert text == format_text("\n".join(pieces))
    inside = [(text.encode()[span["start"] : span["end"]].decode(), span["kind"]) for span in after]
    for kind in ("code", "table"):
        before = [
            remove_urls(line)
            for piece, own in zip(pieces, kinds, strict=True)
            if own == kind
            for line in piece.split("\n")
        ]
        left = [line for part, own in inside if own == kind for line in part.split("\n")]
        assert [line for line in left if line] == [line for line in before if line]
