"""The frame of every page: the menu, the style and script, the security policy, and how values are formatted."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any

from refinery.errors import UsageError
from refinery.formatting import ending, rest, safe, safe_lines, shortened, size
from refinery.inspect.evidence import marked
from refinery.inspect.groups import documents, survived, tokens
from refinery.report.view import View

try:
    import jinja2

    from refinery.report.figures import share
except ModuleNotFoundError as error:  # the extra is not installed
    raise UsageError(
        f"the dashboard needs the package {error.name}", hint="pip install 'refinery[dashboard]'"
    ) from error

TEXT = 3_000
"""Characters of a text that a page shows."""


@dataclass(frozen=True)
class Group:
    """Links of the menu under one heading, by file and title."""

    title: str
    links: tuple[tuple[str, str], ...]


def menu(found: View | None, names: Sequence[str] = (), *, served: bool = False) -> list[Group]:
    """The pages that every page leads to. ``names`` are those of the roots that are compared, the first one's first.

    Of a root in which no stage is made yet, or that cannot be read, there is only where the run stands.
    """
    live = (("live", "Live"),) if served else ()
    if found is None or not found.stages:
        return [Group("Run", live)] if live else []
    look = [(examples_of(found), "Examples")]
    look += [("documents", "Browse documents"), ("search", "Search"), ("what-if", "What if")] if served else []
    look += [("duplicates.html", "Duplicates"), ("sources.html", "Sources and languages")]
    look += [("audit.html", "Shadow audit")] if found.counts.audit else []
    groups = [
        Group("", (("index.html", "Overview"),)),
        Group("Stages", tuple((stage.page, stage.name) for stage in found.stages)),
        Group("Look", tuple(look)),
    ]
    if len(names) > 1:
        groups.append(Group("Compare", tuple(_comparisons(names))))
    return [*groups, Group("Run", (("run.html", "Run"), *live, ("dictionary.html", "Data dictionary")))]


def _comparisons(names: Sequence[str]) -> list[tuple[str, str]]:
    links = [("compare.html", "Side by side")]
    for number, name in enumerate(names[1:], 1):
        links += [(f"compare-{number}.html", f"Against {name}"), (f"texts-{number}.html", f"Texts against {name}")]
    return links


def examples_of(found: View) -> str:
    """The examples that open first: those of the stage behind the source that removes most documents."""
    return max(found.stages[1:], key=lambda stage: stage.counts.documents["removed"], default=found.first).samples


class Writer:
    """Templates with what all pages share. ``found`` is None where the root cannot be read."""

    def __init__(self, found: View | None, names: Sequence[str] = (), *, served: bool = False) -> None:
        self._common: dict[str, Any] = {
            "view": found,
            "dataset": found.dataset if found else "refinery",
            "menu": menu(found, names, served=served),
            "names": tuple(names),
            "served": served,
            "style": _file("style.css"),
            "script": _file("script.js"),
            "policy": policy("'self'") if served else policy(),
            "now": _updated(found) if found else "–",
            "problem": None,
        }

    def __call__(self, template: str, page: str, suffix: str = "html", **values: Any) -> str:
        return environment().get_template(f"{template}.{suffix}").render(**self._common | values, page=page)


def _updated(found: View) -> str:
    """When the newest run wrote last: a report of the same root is the same report."""
    newest = max((run.record.updated for run in found.runs), default=None)
    return f"{newest.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if isinstance(newest, datetime) else "–"


@cache
def _file(name: str) -> str:
    return resources.files("refinery.report").joinpath("templates", name).read_text("utf-8")


def policy(forms: str = "'none'") -> str:
    """The content security policy of the pages: their own style and script by hash, and nothing from anywhere."""
    style, script = (_hash(_file(name)) for name in ("style.css", "script.js"))
    own = f"style-src '{style}'; script-src '{script}'; img-src data:"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action {forms}"


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def environment() -> jinja2.Environment:
    """The templates; whatever is put into a page is escaped, in every template but the card's, which is no HTML."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("refinery.report", "templates"),
        autoescape=jinja2.select_autoescape(("html",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": lambda value: f"{value:,}",
        "size": size,
        "share": share,
        "s": ending,
        "documents": documents,
        "tokens": tokens,
        "survived": survived,
        "line": lambda text: shortened(safe(str(text)), 300),
        "marked": lambda shown: marked(shown.text, shown.marks, TEXT),
        "plainly": lambda text: safe_lines(str(text)),
        "more": lambda text: f"… ({rest(text, TEXT)})" if len(text) > TEXT else "",
        "value": _value,
        "plain": lambda text: safe(str(text)).replace("|", "\\|").replace("`", "'").replace("<", "‹").replace(">", "›"),
    }
    return made


def _value(value: Any) -> str:
    """A metric in a few words."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return shortened(safe(str(value)), 120)
