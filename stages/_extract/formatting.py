"""RefinedWeb's formatting of extracted text: no URLs, and at most two newlines in a row.

Pure functions, linear in the length of the text and idempotent. They do not normalise the text, strip lines, or treat
lines of spaces as empty.

Source: RefinedWeb §3.1 (https://arxiv.org/abs/2306.01116), which does not print its regular expressions.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby, pairwise, zip_longest
from operator import itemgetter
from typing import Any, TypedDict


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


def moved_marks(before: str, after: str, marks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the marks of ``before`` as marks of ``after``, which is ``before`` as formatted.

    Exact but for a line with several URLs, where a mark between them covers what is left of the line there.
    """
    if before == after or not marks:
        return marks
    starts = list(accumulate((len(line.encode()) + 1 for line in before.split("\n")), initial=0))
    places = _places(before, after)

    def moved(place: int) -> int:
        line = bisect_right(starts, place) - 1
        start, size, prefix, suffix = places[min(line, len(places) - 1)]
        inside, old = place - starts[line], starts[line + 1] - 1 - starts[line]
        return start + (inside if inside <= prefix else max(prefix, size - min(suffix, old - inside)))

    return [{**mark, "start": moved(mark["start"]), "end": moved(mark["end"])} for mark in marks]


def _places(before: str, after: str) -> list[tuple[int, int, int, int]]:
    """Return for each line of ``before`` its place in ``after``, its size there, and what stays at its two ends."""
    found, place, left = [], 0, deque(after.split("\n"))
    for line in before.split("\n"):
        kept = _without_urls(line)
        if kept is None or not left or kept != left[0]:
            found.append((place - bool(place), 0, 0, 0))
            continue
        old, new = line.encode(), left.popleft().encode()
        prefix = _common(old, new)
        suffix = _common(old[prefix:][::-1], new[prefix:][::-1])
        found.append((place, len(new), prefix, suffix))
        place += len(new) + 1
    return found


def _common(a: bytes, b: bytes) -> int:
    """Return the bytes at the start of both."""
    if a.startswith(b):
        return len(b)
    return next(at for at, (one, other) in enumerate(zip_longest(a, b)) if one != other)


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
    if "://" not in line and "www." not in line.lower():
        return line  # most lines: ten times faster than the search
    pieces, end = [], 0
    for url in _URL.finditer(line):
        pieces.append(line[end : url.start()].rstrip())
        end = url.start() + _url_length(url[0])
    if not end:
        return line
    left = "".join(pieces) + line[end:]
    return (left if pieces[0] else left.lstrip()) or None


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
