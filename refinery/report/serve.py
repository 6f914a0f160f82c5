"""The dashboard served: the same pages as they are now, where a run stands, and questions that need the rows.

Only reads; answers GET alone, to this machine alone unless told otherwise. What was crawled is text on every page.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from refinery.config import plain
from refinery.errors import RefineryError, UsageError
from refinery.inspect import Wanted, sample, status, what_if, why
from refinery.inspect.history import problems
from refinery.inspect.holdings import Holdings, open_root
from refinery.part import Root
from refinery.report.pages import Writer, environment, links_of, pages, policy
from refinery.report.view import view
from refinery.report.work import times
from refinery.shown import safe
from refinery.store import is_remote
from refinery.tables import open_parquet, read_batches
from refinery.timeline import PLACES

try:
    import duckdb
    import uvicorn
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, RedirectResponse, Response
    from starlette.routing import Route
except ModuleNotFoundError as error:  # the extra is not installed
    raise UsageError(f"serving needs the package {error.name}", hint="pip install 'refinery[dashboard]'") from error

LINKS = (("live", "Live"), ("search", "Search"), ("documents", "Ask for documents"), ("what-if", "What if"))
FOUND = 50
"""Documents that a search shows."""

BATCH = 8192
"""Rows of a remote file that are in memory at once."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Asked = Mapping[str, str]


def serve(path: str, host: str = "127.0.0.1", port: int = 8080, against: Sequence[str] = ()) -> None:
    """Serve the root at ``path``, beside others, until interrupted.

    Raises UsageError where there is none, or where nothing can listen at the address.
    """
    for one in (path, *against):
        open_root(one)
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UsageError(f"{host}:{port}: {error.strerror}", hint="another --port or --host") from error
    told = uvicorn.Config(application(path, [host], against), log_level="warning", server_header=False)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(told).run([listening])


def application(path: str, hosts: Sequence[str] = (), against: Sequence[str] = ()) -> Starlette:
    """The application. Requests under other host names are refused, for a page elsewhere may point its name here."""
    asking = _Asking(path, against)
    questions: dict[str, Callable[[Asked], str]] = {
        "live": asking.live,
        "search": asking.search,
        "documents": asking.documents,
        "what-if": asking.what_if,
        "why": asking.why,
    }
    routes = [Route("/", _home), *(Route(f"/{name}", _endpoint(asking, ask)) for name, ask in questions.items())]
    routes.append(Route("/{page}", _endpoint(asking, asking.page)))
    guard = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", *hosts], www_redirect=False)
    return Starlette(routes=routes, middleware=[guard])


async def _home(request: Request) -> Response:
    del request
    return RedirectResponse("/index.html", headers=HEADERS)


def _endpoint(asking: _Asking, ask: Callable[[Asked], str]) -> Callable[[Request], Any]:
    async def respond(request: Request) -> Response:
        asked = {**request.path_params, **request.query_params}
        headers = HEADERS | {"Content-Security-Policy": policy("'self'")}
        try:
            return HTMLResponse(await run_in_threadpool(ask, asked), headers=headers)
        except KeyError:
            return HTMLResponse(asking.failed("no such page", ""), status_code=404, headers=headers)
        except RefineryError as error:
            return HTMLResponse(asking.failed(error.message, error.hint), status_code=400, headers=headers)

    return respond


class _Asking:
    """The questions to a root. Each opens it anew, so answers are of what is there now."""

    def __init__(self, path: str, against: Sequence[str]) -> None:
        self._path = path
        self._against = against
        self._built: tuple[Any, dict[str, str]] | None = None

    def page(self, asked: Asked) -> str:
        """One of the static pages, made again when the root has changed. Raises KeyError for any other."""
        holdings = open_root(self._path)
        state = [_state(one) for one in (holdings, *map(open_root, self._against))]
        if self._built is None or self._built[0] != state:
            self._built = state, pages(holdings, self._against, served=LINKS)
        if not asked["page"].endswith(".html"):
            raise KeyError(asked["page"])
        return self._built[1][asked["page"]]

    def failed(self, message: str, hint: str) -> str:
        """A page that tells an error; needs no root."""
        text = "<!doctype html><title>error</title><h1>{{ message }}</h1><p>{{ hint }}</p><p><a href='/'>back</a></p>"
        made = environment().overlay(autoescape=True).from_string(text)
        return made.render(message=safe(message), hint=safe(hint))

    def live(self, asked: Asked) -> str:
        """Where the newest run stands."""
        del asked
        found = status(self._path)
        drawn = times(found.run) if found.run else None
        return self._write("live", status=found, problems=problems(self._path)[:50], times=drawn, rows=PLACES)

    def search(self, asked: Asked) -> str:
        """Documents whose URL or text holds what is looked for, in every stage's rows."""
        words = asked.get("q", "").strip()
        found = _search(open_root(self._path), words, text="text" in asked) if words else []
        return self._write("search", asked=asked, found=found, limit=FOUND)

    def documents(self, asked: Asked) -> str:
        """Samples by stage, rule and metric range."""
        wanted = Wanted(
            stage=asked.get("stage") or None,
            side=asked.get("side") or None,
            rule=asked.get("rule") or None,
            metric=asked.get("metric") or None,
            low=_number(asked, "min"),
            high=_number(asked, "max"),
            count=10,
        )
        found = sample(self._path, wanted) if asked else None
        return self._write("documents", asked=asked, found=found)

    def what_if(self, asked: Asked) -> str:
        """Other bounds: a slider a bound, the yield, and the documents that would change sides."""
        holdings = open_root(self._path)
        bounds = [(s.name, n, plain(getattr(s.stage, n))) for s in holdings.pipeline.steps for n in _bounds(s.stage)]
        known = {f"{stage}.{name}": now for stage, name, now in bounds}
        moved = [f"{name}={asked[name]}" for name, now in known.items() if asked.get(name) and asked[name] != str(now)]
        found = what_if(self._path, moved, 20) if moved else None
        return self._write("what-if", asked=asked, bounds=bounds, found=found)

    def why(self, asked: Asked) -> str:
        """One document through all stages."""
        return self._write("why", found=why(self._path, asked.get("q", "")))

    def _write(self, template: str, **values: Any) -> str:
        """A page of its own; while a run is in its first phase the live one alone, for nothing else can be told."""
        found = view(open_root(self._path))
        if not found.stages and template != "live":
            raise UsageError(f"{self._path}: no stage is made yet", hint="`refinery run` makes them")
        links = [*LINKS, *links_of(found, self._against)] if found.stages else LINKS[:1]
        return Writer(found, links, policy("'self'"))(template, template, **values)


def _state(holdings: Holdings) -> list[Any]:
    """What differs once a root has changed."""
    manifests = [(held.folder, held.manifest) for held in holdings.stages]
    return [(folder, manifest.identity, manifest.parts, manifest.audit) for folder, manifest in manifests]


def _number(asked: Asked, name: str) -> float | None:
    try:
        return float(asked[name]) if asked.get(name) else None
    except ValueError as error:
        raise UsageError(f"{name}={safe(asked[name][:80])} is no number") from error


def _bounds(stage: Any) -> list[str]:
    """The bounds that are numbers, which a slider can move."""
    wanted = stage.roles("bound")
    return [n for n in type(stage).model_fields if n in wanted and type(getattr(stage, n)) in (int, float)]


def _rows(database: duckdb.DuckDBPyConnection, root: Root, files: list[str], columns: set[str]) -> Any:
    """The rows of files below a root, for a query; None where a column is missing. DuckDB itself reads local files."""
    if not is_remote(root.path):
        rows = database.read_parquet([root.full(path) for path in files], union_by_name=True)
        return rows if columns <= set(rows.columns) else None
    with open_parquet(root, files[0]) as file:
        schema = file.schema_arrow
    if not columns <= set(schema.names):
        return None
    wanted = pa.schema([schema.field(name) for name in sorted(columns)])
    batches = (batch.select(wanted.names) for batch in read_batches(root, files, BATCH, wanted.names))
    return pa.RecordBatchReader.from_batches(wanted, batches)


def _search(holdings: Holdings, words: str, *, text: bool) -> list[tuple[str, str, str, str]]:
    """Stage, fate, id and URL of documents that hold ``words``, those of the first stages first."""
    found: dict[str, tuple[str, str, str, str]] = {}
    with duckdb.connect() as database:
        for held in holdings.stages:
            for side in ("kept", "removed"):
                files = [f.path for r in holdings.receipts(held) for f in r.files.get(side, ())]
                if not files or len(found) >= FOUND:
                    continue
                column = "text" if text else "url"
                rows = _rows(database, holdings.root, files, {"id", "url", column})
                if rows is None:
                    continue
                query = (
                    f"select hex(id), url from rows where contains(lower({column}), lower($1)) order by 1 limit {FOUND}"  # noqa: S608 - a column's name of our own
                )
                for identity, url in database.execute(query, [words]).fetchall():
                    found.setdefault(identity.lower(), (held.name, side, identity.lower(), url or ""))
    return list(found.values())[:FOUND]
