"""Characters of a text that would be read as markup in Markdown, and their escapes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from refinery.kernels.reference.pieces import BLANKS

PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
DIGITS = frozenset("0123456789")

_NO_LETTERS = (
    *((0x80, 0xBF), (0xD7, 0xD7), (0xF7, 0xF7), (0x2000, 0x206F), (0x20A0, 0x20CF), (0x2190, 0x2BFF)),
    *((0x2E00, 0x2E7F), (0x3000, 0x303F), (0xFE10, 0xFE1F), (0xFE30, 0xFE6F), (0xFF00, 0xFF20), (0xFF3B, 0xFF40)),
    *((0xFF5B, 0xFF65), (0xFFE0, 0xFFEF), (0x1F000, 0x1FAFF)),
)
"""Blocks of punctuation, symbols and spaces beyond ASCII."""

_MARKER = re.compile(r"#{1,6}(?=[ \t]|$)|[-+*](?=[ \t]|$)|>|~~~|\[(?=.*\]:)")
_ORDINAL = re.compile(r"([0-9]{1,9})([.)])(?=[ \t]|$)")
_RULE = re.compile(r"[-=:|*_ \t]+$")
_LINE = re.compile("[^\n]*")
_SIGN = re.compile(r"\\.|`+|\$", re.DOTALL)


def is_letter(character: str) -> bool:
    """Return True for a letter or digit; beyond ASCII for all that is not known to be something else."""
    code = ord(character)
    if code < 0x80:
        return character.isalnum()
    return not any(first <= code <= last for first, last in _NO_LETTERS)


def flanks(inside: str, outside: str) -> bool:
    """Return True if a run of stars between these two characters belongs to the one inside."""
    return is_letter(inside) or not outside or outside in BLANKS or outside in PUNCTUATION


def touches(before: str, after: str) -> bool:
    """Return True unless both characters are blank or the end of the line."""
    return not ((not before or before in BLANKS) and (not after or after in BLANKS))


def spaces_around(before: str, after: str) -> tuple[str, str]:
    """Return the spaces before and after a formula at an empty place: the text has one of those that it would have."""
    lead = bool(before) and not after and is_letter(before)
    trail = before in ("", " ") and bool(after) and (after == "(" or is_letter(after))
    return " " * lead, " " * trail


def longest_run(text: str) -> int:
    """Return the length of the longest run of backticks."""
    return max(map(len, re.findall("`+", text)), default=0)


def begins_block(line: str) -> bool:
    """Return True if a line would be read as the start of a block."""
    return at_start(line) != line


def at_start(line: str) -> str:
    """Return a line with what would begin a block escaped."""
    if _MARKER.match(line) or _RULE.match(line):
        return "\\" + line
    return _ORDINAL.sub(r"\1\\\2", line, count=1) if _ORDINAL.match(line) else line


def without_formulas(markdown: str) -> str:
    """Return the Markdown of a text without formulas, in which dollar signs that would enclose one are escaped.

    Pandoc wants no blanks at the ends of a formula and no digit behind it; other parsers take everything between two
    signs, newlines included. A pair that is a formula for those parsers only is escaped if they would change what it
    shows.
    """
    end, out, between = len(markdown), list[str](), Between(markdown)
    for at, is_code in reversed(list(_dollars(markdown))):
        between.add(at + 1, end)
        is_double = "$" in (markdown[at - 1 : at], markdown[at + 1 : at + 2])
        if not is_code and (is_double or between.is_formula(at)):
            out += [markdown[at:end], "\\"]
            between.changed = True
        else:
            out.append(markdown[at:end])
            between = Between(markdown, at)
        end = at
    return "".join([markdown[:end], *reversed(out)])


def _dollars(markdown: str) -> Iterator[tuple[int, bool]]:
    """Yield the places of dollar signs that are not escaped, and whether each is in code."""
    code_end = 0
    for found in _SIGN.finditer(markdown):
        sign = found[0]
        if sign == "$":
            yield found.start(), found.start() < code_end
        elif sign[0] == "`" and found.start() >= code_end:
            code_end = markdown.find(sign, found.end()) + len(sign)


@dataclass
class Between:
    """The Markdown before the dollar sign at ``close``; ``changed`` if a formula would show it otherwise."""

    markdown: str
    close: int = -1
    filled: bool = False
    changed: bool = False
    has_tex: bool = False

    def add(self, start: int, end: int) -> None:
        """Add what is before it."""
        part = self.markdown[start:end]
        lines = (_LINE.match(self.markdown, start + found.end()) for found in re.finditer("\n", part))
        self.filled = self.filled or bool(part.strip(BLANKS))
        self.changed = (
            self.changed
            or any(sign in part for sign in "\\`*")
            or any(begins_block(line[0].strip(BLANKS)) for line in lines if line)
        )
        self.has_tex = self.has_tex or any(sign in part for sign in "^_{}=")

    def is_formula(self, at: int) -> bool:
        """Return True if a parser could read a formula between the sign at a place and this one."""
        if self.close < 0 or not self.filled:
            return False
        is_tight = {self.markdown[at + 1], self.markdown[self.close - 1]}.isdisjoint(BLANKS)
        before_digit = self.markdown[self.close + 1 : self.close + 2] in DIGITS
        return self.changed or ((is_tight or self.has_tex) and not before_digit)
