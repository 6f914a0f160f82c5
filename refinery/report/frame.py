"""The frame of every page: menu, style, script, security policy and filters that format values."""

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
from refinery.report import limits
from refinery.report.view import View

try:
    import jinja2
    from markupsafe import Markup

    from refinery.report.figures import share
except ModuleNotFoundError as error:  # the extra is not installed
    raise UsageError(
        f"the report needs the package {error.name}", hint="pip install 'crawl-refinery[dashboard]'"
    ) from error


@dataclass(frozen=True)
class Group:
    """Links of the menu under one heading, as pairs of file and title."""

    title: str
    links: tuple[tuple[str, str], ...]


def menu(view: View | None, names: Sequence[str] = (), *, served: bool = False) -> list[Group]:
    """Return the menu. ``names`` are the names of the compared roots, the first root's first.

    If no stage has run yet, or the root cannot be read, the menu has only the state of the run.
    """
    live = (("live", "Live"),) if served else ()
    if view is None or not view.stages:
        return [Group("Run", live)] if live else []
    inspect = [(examples_of(view), "Examples")]
    inspect += [("documents", "Browse documents"), ("search", "Search"), ("what-if", "What if")] if served else []
    inspect += [("duplicates.html", "Duplicates"), ("sources.html", "Sources and languages")]
    inspect += [("quality.html", "Scores")] if view.has_scores else []
    inspect += [("audit.html", "Audit")] if view.counts.audit else []
    groups = [
        Group("", (("index.html", "Overview"),)),
        Group("Stages", tuple((stage.page, stage.name) for stage in view.stages)),
        Group("Inspect", tuple(inspect)),
    ]
    if len(names) > 1:
        groups.append(Group("Compare", tuple(_comparisons(names))))
    return [*groups, Group("Run", (("run.html", "Run"), *live, ("dictionary.html", "Data dictionary")))]


def _comparisons(names: Sequence[str]) -> list[tuple[str, str]]:
    links = [("compare.html", "Side by side")]
    for number, name in enumerate(names[1:], 1):
        links += [(f"compare-{number}.html", f"Against {name}"), (f"texts-{number}.html", f"Texts against {name}")]
    return links


def examples_of(view: View) -> str:
    """Return the examples page of the stage, after the source, that removes most documents."""
    return max(view.stages[1:], key=lambda stage: stage.counts.documents["removed"], default=view.first).samples


class Writer:
    """Renders templates with the values that all pages share. ``view`` is None if the root cannot be read."""

    def __init__(self, view: View | None, names: Sequence[str] = (), *, served: bool = False) -> None:
        self._common: dict[str, Any] = {
            "view": view,
            "dataset": view.dataset if view else "refinery",
            "menu": menu(view, names, served=served),
            "names": tuple(names),
            "served": served,
            "style": _file("style.css"),
            "script": _file("script.js"),
            "policy": policy("'self'") if served else policy(),
            "now": _updated(view) if view else "–",
            "problem": None,
        }

    def __call__(self, template: str, page: str, suffix: str = "html", **values: Any) -> str:
        return environment().get_template(f"{template}.{suffix}").render(**self._common | values, page=page)


def _updated(view: View) -> str:
    """Return the time of the latest run's last write, so that a report depends on its root alone."""
    newest = max((run.record.updated for run in view.runs), default=None)
    return f"{newest.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if isinstance(newest, datetime) else "–"


@cache
def _file(name: str) -> str:
    return resources.files("refinery.report").joinpath("templates", name).read_text("utf-8")


def policy(forms: str = "'none'") -> str:
    """Return the content security policy: the pages' own style and script by hash, and nothing else."""
    style, script = (_hash(_file(name)) for name in ("style.css", "script.js"))
    own = f"style-src '{style}'; script-src '{script}'; img-src data:"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action {forms}"


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def environment() -> jinja2.Environment:
    """Return the template environment; values are escaped in every template except the card, which is not HTML."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("refinery.report", "templates"),
        autoescape=jinja2.select_autoescape(("html",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals["limits"] = limits
    templates.filters |= {
        "number": lambda value: f"{value:,}",
        "size": size,
        "share": share,
        "s": ending,
        "documents": documents,
        "tokens": tokens,
        "survived": survived,
        "line": lambda text: shortened(safe(str(text)), 300),
        "marked": lambda one: marked(one.text, one.marks, limits.TEXT),
        "plainly": lambda text: safe_lines(str(text)),
        "page": Markup,  # refinery.inspect.rendered escapes what is crawled
        "more": lambda text: f"… ({rest(text, limits.TEXT)})" if len(text) > limits.TEXT else "",
        "value": _value,
        "plain": lambda text: safe(str(text)).replace("|", "\\|").replace("`", "'").replace("<", "‹").replace(">", "›"),
    }
    return templates


def _value(value: Any) -> str:
    """Format a metric's value in a few words."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return shortened(safe(str(value)), 120)
