"""HTML for notebooks. Everything is escaped, because URLs, texts and messages of a crawl may be hostile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from refinery.formatting import safe, safe_lines


def line(text: str) -> str:
    """Escape a text as one line of HTML."""
    return escape(safe(text))


def paragraph(text: str) -> str:
    """Return a text as a paragraph."""
    return f"<p>{line(text)}</p>"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as a table; numbers have thousands separators, None is an empty cell."""
    head = "".join(f"<th>{line(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f'<td style="text-align: right">{value:,}</td>'
    return f"<td>{'' if value is None else line(str(value))}</td>"


def preformatted(pieces: Iterable[tuple[str, str]]) -> str:
    """Return pieces of a text as preformatted lines, each in its element: ``del``, ``mark``, or none."""
    marked = (f"<{tag}>{_lines(text)}</{tag}>" if tag else _lines(text) for text, tag in pieces)
    return f'<pre style="white-space: pre-wrap">{"".join(marked)}</pre>'


def _lines(text: str) -> str:
    return escape(safe_lines(text))
