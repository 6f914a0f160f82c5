"""Marks over the plain text of trafilatura, from the tree that it extracts.

The text stays what trafilatura writes. Its tree is read beside that text, white space left out: if the whole text is
met, places in the tree are places in the text; if not, there are no marks. The signs that trafilatura writes for items
and cells become marks of the kind ``marker``, because other forms of a text have their own.

The tags of the tree are like TEI's: https://trafilatura.readthedocs.io/en/latest/
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from html import unescape
from itertools import accumulate, chain
from typing import Any

Element = Any
"""An element of lxml, which has no types."""

Mark = dict[str, Any]
"""A mark of ``STRUCTURE``."""

Token = str | Mark | None
"""A string of the tree, a mark that begins there, or the end of the innermost mark."""

_INLINE = {"#b": "strong", "#i": "emphasis", "#t": "inline_code", "#sup": "superscript", "#sub": "subscript"}
_WITHOUT_TEXT = frozenset(("cell", "header", "image"))
"""Kinds that stay where they have no text."""

_FORMULA = re.compile(
    r"\\\[(.+?)\\\]|\$\$([^$]+)\$\$|\\\((.+?)\\\)"
    r"|(?<![\\$\w])\$((?=[^$]*[\\^_{}=]|[A-Za-z]\$)(?!\s)[^$]+(?<![\s\\]))\$(?![\d$])",
    re.DOTALL,
)
"""Formulas between delimiters of TeX, the first two for display.

Between single dollar signs they have a sign of TeX, or are one letter.
"""

_EMPTY = {"number": None, "value": None, "label": None}

_DEEPEST = 100
"""Marks in as many others are left out."""


def marks_of(trees: Iterable[Element], text: str) -> list[Mark] | None:
    """Return the marks of ``text``, the plain text of trees; None where they differ by more than white space."""
    places = [at for at, character in enumerate(text) if not character.isspace()]
    dense = "".join(text[at] for at in places)
    found: list[Mark] = []
    inside: list[int] = []
    at = 0
    for token in chain.from_iterable(map(_content, trees)):
        if isinstance(token, str):
            if not dense.startswith(token, at):
                return None
            at += len(token)
        elif token is not None:
            inside.append(len(found))
            found.append({"start": at, "end": at, "depth": len(inside) - 1, **_EMPTY, **token})
        elif found[first := inside.pop()]["start"] < at or found[first]["kind"] in _WITHOUT_TEXT:
            found[first]["end"] = at
        else:
            del found[first:]
    found = [mark for mark in found if mark["depth"] < _DEEPEST]
    return _placed(found, text, places) if at == len(dense) else None


def _placed(marks: list[Mark], text: str, places: list[int]) -> list[Mark]:
    """Return marks at bytes of the text instead of its characters that are not white space."""
    sizes = list(accumulate((len(character.encode()) for character in text), initial=0))
    placed, starts = [], [0] * (_DEEPEST + 1)
    for mark in marks:
        start, end = mark["start"], mark["end"]
        begin = places[start] if start < end else places[start - 1] + 1 if start else 0
        stop = places[end - 1] + 1 if start < end else begin
        if mark["kind"] == "code":  # with the indentation of its first line
            begin = len(text[:begin].rstrip(" \t"))
        begin = starts[mark["depth"] + 1] = max(begin, starts[mark["depth"]])
        placed.append(mark | {"start": sizes[begin], "end": sizes[max(begin, stop)]})
    return placed


def _content(element: Element, *, verbatim: bool = False, in_cell: bool = False) -> Iterator[Token]:
    """Yield the tokens of what is in an element."""
    yield from _string(element.text, verbatim, in_cell)
    for child in element:
        yield from _element(child, verbatim, in_cell)
        yield from _string(child.tail, verbatim, in_cell)


def _element(element: Element, verbatim: bool, in_cell: bool) -> Iterator[Token]:
    cell, row = element.tag == "cell", element.tag == "row"
    if cell and element.getprevious() is None:
        yield from _marker("|")
    mark = None if verbatim else _mark(element)
    if mark:
        yield mark
    if element.tag == "item" and not in_cell and _has_own_text(element):
        yield from _marker("-")
    verbatim |= mark is not None and mark["kind"] in ("code", "inline_code")
    yield from _content(element, verbatim=verbatim, in_cell=in_cell or cell)
    if mark:
        yield None
    if cell:
        yield from _marker("|")
    if row and any(cell.get("role") == "head" for cell in element.iterchildren("cell")):
        yield from _marker("|" + "---|" * len(element.findall("cell")))


def _marker(sign: str) -> Iterator[Token]:
    yield from ({"kind": "marker"}, sign, None)


def _has_own_text(item: Element) -> bool:
    """Return True if a list item has text before any list in it; trafilatura writes a sign before no others."""
    if (item.text or "").strip():
        return True
    for child in item:
        if child.tag == "list":
            return False
        if "".join([*child.itertext(), child.tail or ""]).strip():
            return True
    return False


def _string(string: str | None, verbatim: bool, in_cell: bool) -> Iterator[Token]:
    """Yield a string as trafilatura writes it, and the formulas in it as marks."""
    if not string or string.isspace():
        return
    written = unescape(unicodedata.normalize("NFC", string))
    end = 0
    for formula in () if verbatim else _FORMULA.finditer(written):
        yield _dense(written[end : formula.start()], in_cell)
        group = formula.lastindex or 0
        yield {"kind": "formula", "number": 1 if group < 3 else None, "value": formula[group].strip()}
        yield _dense(formula[0], in_cell)
        yield None
        end = formula.end()
    yield _dense(written[end:], in_cell)


def _dense(string: str, in_cell: bool) -> str:
    shown = "".join(character for character in string if character.isprintable() and character != " ")
    return shown.replace("|", "\\|") if in_cell else shown


def _mark(element: Element) -> Mark | None:
    """Return the kind of an element and its other fields; None for those without a mark."""
    make = _MARKS.get(element.tag)
    return make(element, element.get("rend") or "") if make else None


def _heading(element: Element, rend: str) -> Mark:
    del element
    return {"kind": "heading", "number": int(rend[1]) if rend[1:2] in tuple("123456") else 2}


def _list(element: Element, rend: str) -> Mark:
    del element
    return {"kind": "terms"} if rend == "dl" else {"kind": "list", "number": 1 if rend == "ol" else None}


def _item(element: Element, rend: str) -> Mark:
    del element
    return {"kind": {"dt": "term", "dd": "definition"}.get(rend[:2], "item")}


def _cell(element: Element, rend: str) -> Mark:
    del rend
    row = element.getparent()
    below = row is not None and row.getprevious() is not None
    return {"kind": "header" if below and element.get("role") == "head" else "cell"}


def _code(element: Element, rend: str) -> Mark:
    del rend
    lines = element.find(".//lb") is not None or "\n" in "".join(element.itertext())
    return {"kind": "code" if lines else "inline_code"}


_MARKS: dict[str, Callable[[Element, str], Mark | None]] = {
    "head": _heading,
    "list": _list,
    "item": _item,
    "quote": lambda _, __: {"kind": "quote"},
    "table": lambda table, _: {"kind": "table", "number": int(table.find("row[1]/cell[@role='head']") is not None)},
    "row": lambda _, __: {"kind": "row"},
    "cell": _cell,
    "code": _code,
    "hi": lambda _, rend: {"kind": _INLINE[rend]} if rend in _INLINE else None,
    "p": lambda p, _: {"kind": "paragraph"} if p.find("lb") is not None else None,
}
"""Functions that return the mark of an element and its ``rend``, by tag."""
