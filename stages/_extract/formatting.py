"""The paper's formatting of extracted text: no URLs, and at most two newlines in a row.

Pure functions, linear in the length of the text and idempotent. Nothing else is changed: no normalisation, no trimming
of lines, no blank lines that hold spaces.

Source: RefinedWeb §3.1 (https://arxiv.org/abs/2306.01116), which does not print its regular expressions.
"""

from __future__ import annotations

import re

# A URL begins with a scheme or `www.` and ends before white space. It also ends before a character that no URL may
# hold (RFC 3986, appendix C: the delimiters that writers and table cells use), and before CJK punctuation, because such
# text has no spaces and the rest of the sentence would go with it. It does not begin inside a word, a host or an
# e-mail address, and `www.` alone is none.
_URL = re.compile(
    r"""(?: (?<![a-z0-9]) (?:https?|ftp):// | (?<![a-z0-9@._/-]) www\.(?=[^\W_]) )
        [^\s<>"|“”„«»。，、；：！？（）「」『』【】《》]*""",
    re.IGNORECASE | re.VERBOSE,
)
_CLOSING = {")": "(", "]": "[", "}": "{"}
_PUNCTUATION = frozenset(".,;:!?'’‘…") | _CLOSING.keys()
_NEWLINES = re.compile(r"\n{3,}")


def format_text(text: str) -> str:
    """``text`` with line feeds as newlines, no URLs, at most two newlines in a row, and none at its ends."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    return limit_newlines(remove_urls(unified)).strip("\n")


def limit_newlines(text: str) -> str:
    """``text`` with every run of three or more newlines cut to two."""
    return _NEWLINES.sub("\n\n", text)


def remove_urls(text: str) -> str:
    """``text`` without its URLs and the blanks before them; a line that held nothing else goes with them.

    Sentence punctuation at a URL's end stays, as do brackets that the URL did not open. E-mail addresses and bare
    hosts stay: ``1.2.is`` may be a slip of the keyboard.
    """
    lines = (_without_urls(line) for line in text.split("\n"))
    return "\n".join(line for line in lines if line is not None)


def _without_urls(line: str) -> str | None:
    if "://" not in line and "www." not in line.lower():
        return line  # most lines: ten times faster than the search
    pieces, end = [], 0
    for found in _URL.finditer(line):
        pieces.append(line[end : found.start()].rstrip())
        end = found.start() + _url_length(found[0])
    if not end:
        return line
    left = "".join(pieces) + line[end:]
    return (left if pieces[0] else left.lstrip()) or None


def _url_length(token: str) -> int:
    """How much of ``token`` is the URL, the rest being punctuation of the sentence around it."""
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
