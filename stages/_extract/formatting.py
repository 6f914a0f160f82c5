"""RefinedWeb's formatting of extracted text: no URLs, and at most two newlines in a row.

Pure functions, linear in the length of the text and idempotent. They do not normalise the text, strip lines, or treat
lines of spaces as empty.

Source: RefinedWeb §3.1 (https://arxiv.org/abs/2306.01116), which does not print its regular expressions.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, TypedDict

import pyarrow as pa

from refinery.kernels import MARKS, SPANS, shift_marks

Range = tuple[int, int]
"""Characters of a text: start and end."""


class MarkedSpan(TypedDict):
    """A span of a text in UTF-8 bytes, and its kind."""

    start: int
    end: int
    kind: str


# A URL begins with a scheme or `www.` and ends before white space. It also ends before a character that no URL may
# contain (RFC 3986, appendix C: the delimiters that writers and table cells use), and before CJK punctuation, because
# such text has no spaces and the rest of the sentence would be removed too. It does not begin inside a word, a host or
# an e-mail address, and `www.` alone is not a URL.
_URL = re.compile(
    r"""(?: (?<![a-z0-9]) (?:https?|ftp):// | (?<![a-z0-9@._/-]) www\.(?=[^\W_]) )
        [^\s<>"|“”„«»。，、；：！？（）「」『』【】《》]*""",
    re.IGNORECASE | re.VERBOSE,
)
_CLOSING = {")": "(", "]": "[", "}": "{"}
_PUNCTUATION = frozenset(".,;:!?'’‘…") | _CLOSING.keys()
_RETURN = re.compile(r"\r(?!\n)")
_NEWLINES = re.compile(r"\n{3,}")


def format_text(text: str) -> str:
    """Return ``text`` with line feeds as newlines, no URLs, at most two newlines in a row, and none at its ends."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    return limit_newlines(remove_urls(unified)).strip("\n")


def format_marked(text: str, spans: Sequence[MarkedSpan]) -> tuple[str, list[MarkedSpan]]:
    """Return ``text`` as by ``format_text``, and its spans there. A text with spans has line feeds only.

    Spans are whole lines, in UTF-8 bytes, in order; adjacent spans of one kind are merged.
    """
    if not spans:
        return format_text(text), []
    lines = [(left, kind) for line, kind in _lines_of_kinds(text, spans) if (left := _without_urls(line)) is not None]
    lines = [line for before, line in pairwise([("", None), *lines]) if before[0] or line[0]]
    while lines and not lines[-1][0]:
        lines.pop()
    return "\n".join(line for line, _ in lines), _spans_of_kinds(lines)


def moved_marks(text: str, marks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the marks of a text as marks of what ``format_text`` makes of it."""
    cuts = format_cuts(text) if marks else []
    if not cuts:
        return marks
    moved: list[dict[str, Any]] = shift_marks(pa.array([marks], MARKS), pa.array([cuts], SPANS))[0][0].as_py()
    return moved


def format_cuts(text: str) -> list[dict[str, Any]]:
    """Return what ``format_text`` cuts out of a text, as spans of the type ``SPANS``; other line ends are no cuts."""
    cuts, offset, end = [], 0, 0
    for low, high in [*_kept(text), (len(text), len(text))]:
        gone = text[end:low]
        if gone:
            size = len(gone.encode())
            cuts.append({"offset": offset, "length": size, "reason": "format", "text": gone, "cut": True})
            offset += size
        offset += len(text[low:high].encode())
        end = high
    return cuts


def _kept(text: str) -> list[Range]:
    """Return the ranges of a text that stay, in order. A line brings the newline before it along."""
    kept: list[list[Range]] = []
    start = 0
    for ended in _RETURN.sub("\n", text).split("\n"):
        line = ended.removesuffix("\r")
        ranges = _outside_urls(line)
        if ranges if line else kept and kept[-1][1:]:
            newline = (start - 1 if kept else start, start)
            kept.append([newline, *((start + low, start + high) for low, high in ranges)])
        start += len(ended) + 1
    if kept and not kept[-1][1:]:
        kept.pop()
    return [one for ranges in kept for one in ranges]


def _lines_of_kinds(text: str, spans: Sequence[MarkedSpan]) -> Iterator[tuple[str, str | None]]:
    start, left = 0, deque(spans)
    for line in text.split("\n"):
        end = start + len(line.encode())
        while left and left[0]["end"] < end:
            left.popleft()
        yield line, left[0]["kind"] if left and left[0]["start"] <= start else None
        start = end + 1


def _spans_of_kinds(lines: Iterable[tuple[str, str | None]]) -> list[MarkedSpan]:
    spans: list[MarkedSpan] = []
    start = 0
    for kind, group in groupby(lines, key=itemgetter(1)):
        size = sum(len(line.encode()) + 1 for line, _ in group)
        if kind is not None:
            spans.append({"start": start, "end": start + size - 1, "kind": kind})
        start += size
    return spans


def limit_newlines(text: str) -> str:
    """Return ``text`` with every run of three or more newlines reduced to two."""
    return _NEWLINES.sub("\n\n", text)


def remove_urls(text: str) -> str:
    """Return ``text`` without URLs and the blanks before them; a line without other content is removed.

    Sentence punctuation at a URL's end stays, as do brackets that the URL did not open. E-mail addresses and bare
    hosts stay: ``1.2.is`` may be a typing error.
    """
    lines = (_without_urls(line) for line in text.split("\n"))
    return "\n".join(line for line in lines if line is not None)


def _without_urls(line: str) -> str | None:
    kept = _outside_urls(line)
    return "".join(line[low:high] for low, high in kept) if kept or not line else None


def _outside_urls(line: str) -> list[Range]:
    """Return the ranges of a line without URLs and the blanks before them; without those at its start, after one."""
    if "://" not in line and "www." not in line.lower():
        return [(0, len(line))] if line else []  # most lines: ten times faster than the search
    kept, end = [], 0
    for url in _URL.finditer(line):
        kept.append((end, end + len(line[end : url.start()].rstrip())))
        end = url.start() + _url_length(url[0])
    kept.append((end, len(line)))
    if end and kept[0] == (0, 0):
        kept = _stripped(line, kept)
    return [(low, high) for low, high in kept if low < high]


def _stripped(line: str, kept: list[Range]) -> list[Range]:
    """Return ranges of a line without the white space with which they begin."""
    for number, (low, high) in enumerate(kept):
        if left := len(line[low:high].lstrip()):
            return [(high - left, high), *kept[number + 1 :]]
    return []


def _url_length(token: str) -> int:
    """Return the length of the URL in ``token``, without punctuation of the sentence around it."""
    surplus = {close: token.count(close) - token.count(opens) for close, opens in _CLOSING.items()}
    end = len(token)
    while end and token[end - 1] in _PUNCTUATION:
        last = token[end - 1]
        if last in _CLOSING:
            if surplus[last] <= 0:
                break
            surplus[last] -= 1
        end -= 1
    return end
