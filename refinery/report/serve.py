"""The report as a local server: the current static pages, the state of the run, and queries over rows.

Only reads. Answers only GET requests, and only from this machine unless another host is set. Crawled content is always
escaped text.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from refinery.errors import RefineryError, UsageError
from refinery.formatting import safe
from refinery.inspect.accounts import why
from refinery.inspect.comparison import names_of
from refinery.inspect.filters import Filters
from refinery.inspect.reader import RootReader, open_root
from refinery.inspect.runs import problems, status
from refinery.inspect.sample_query import SampleQuery
from refinery.inspect.samples import sample
from refinery.inspect.whatif import what_if
from refinery.report import limits
from refinery.report.controls import controls
from refinery.report.frame import Writer, policy
from refinery.report.pages import pages
from refinery.report.texts import page_texts
from refinery.report.view import View, view
from refinery.report.work import times
from refinery.runner.timeline import SLOTS

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, RedirectResponse, Response
    from starlette.routing import Route

    from refinery.report.search import search
except ModuleNotFoundError as error:  # the extra is not installed
    raise UsageError(
        f"serving needs the package {error.name}", hint="pip install 'crawl-refinery[dashboard]'"
    ) from error

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Asked = Mapping[str, str]
T = TypeVar("T")


def serve(
    path: str,
    host: str = "127.0.0.1",
    port: int = 8080,
    against: Sequence[str] = (),
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve the root at ``path`` until interrupted; ``ready`` is called once the server listens.

    Raises UsageError if there is no root, or if the address is not available.
    """
    for one in (path, *against):
        open_root(one)
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UsageError(f"{host}:{port}: {error.strerror}", hint="pass another --port or --host") from error
    settings = uvicorn.Config(application(path, [host], against), log_level="warning", server_header=False)
    ready()
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(settings).run([listening])


def application(path: str, hosts: Sequence[str] = (), against: Sequence[str] = ()) -> Starlette:
    """Return the ASGI application. It refuses requests under other host names, which prevents DNS rebinding."""
    handlers = _Handlers(path, against)
    answers = {
        "live": handlers.live,
        "search": handlers.search,
        "documents": handlers.documents,
        "what-if": handlers.what_if,
        "why": handlers.why,
        "texts": handlers.texts,
    }
    routes = [Route("/", _home), *(Route(f"/{name}", _endpoint(ask)) for name, ask in answers.items())]
    routes.append(Route("/{page}", _endpoint(handlers.page)))
    hosts_only = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", *hosts], www_redirect=False)
    failures: dict[Any, Any] = {
        RefineryError: handlers.failed,
        HTTPException: handlers.refused,
        Exception: handlers.broken,
    }
    return Starlette(routes=routes, middleware=[hosts_only], exception_handlers=failures)


async def _home(request: Request) -> Response:
    del request
    return RedirectResponse("/index.html", headers=HEADERS)


def _endpoint(ask: Callable[[Asked], Response]) -> Callable[[Request], Any]:
    async def respond(request: Request) -> Response:
        return await run_in_threadpool(ask, {**request.query_params, **request.path_params})

    return respond


def _page(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    allowed = {"Content-Security-Policy": policy("'self'")}
    return HTMLResponse(text, status_code=status, headers={**(headers or {}), **HEADERS, **allowed})


class _Handlers:
    """Handlers of requests. Each opens the root again, so responses show its current state."""

    def __init__(self, path: str, against: Sequence[str]) -> None:
        self._path = path
        self._against = against
        self._names = names_of([path, *against])
        self._built: tuple[Any, dict[str, str]] | None = None

    def page(self, asked: Asked) -> Response:
        """Return a static page, rebuilt if the root has changed."""
        reader = open_root(self._path)
        state = [_state(one) for one in (reader, *map(open_root, self._against))]
        if self._built is None or self._built[0] != state:
            self._built = state, pages(reader, self._against, served=True)
        found = self._built[1].get(asked["page"])
        if found is None or not asked["page"].endswith(".html"):
            raise HTTPException(404)
        return _page(found)

    def failed(self, request: Request, error: RefineryError) -> Response:
        """Return the page of an error."""
        del request
        return self._failure(error.message, error.hint, 400)

    def refused(self, request: Request, error: HTTPException) -> Response:
        """Return the page of an unknown path or method."""
        message = {404: f"no such page: {request.url.path[:80]}", 405: "only GET is supported"}
        return self._failure(message.get(error.status_code, error.detail), "", error.status_code, error.headers)

    def broken(self, request: Request, error: Exception) -> Response:
        """Return the page of an internal error; its traceback goes to the terminal."""
        del request
        write = Writer(None, self._names, served=True)
        internal = RefineryError(f"internal error: {type(error).__name__}", hint="the terminal has the traceback")
        return _page(write("error", "error", problem=internal), 500)

    def _failure(self, message: str, hint: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
        try:
            found: View | None = self._view()
        except RefineryError:
            found = None
        write = Writer(found, self._names, served=True)
        return _page(write("error", "error", problem=RefineryError(message, hint=hint)), status, headers)

    def live(self, asked: Asked) -> Response:
        """Return the page with the state of the latest run."""
        del asked
        found = status(self._path)
        drawn = times(found.run) if found.run else None
        return self._answer(
            "live", status=found, problems=problems(self._path)[: limits.PROBLEMS], times=drawn, rows=SLOTS
        )

    def search(self, asked: Asked) -> Response:
        """Return the page that searches URLs or texts for words."""
        words = asked.get("q", "").strip()
        found = search(open_root(self._path), words, text="text" in asked) if words else []
        return self._answer("search", asked=asked, found=found, limit=limits.SEARCH_HITS)

    def documents(self, asked: Asked) -> Response:
        """Return the page that browses documents by stage, rule, metric range and other filters."""
        found, problem = _tried(lambda: sample(self._path, _wanted(asked))) if asked else (None, None)
        return self._answer("documents", problem, asked=asked, found=found)

    def what_if(self, asked: Asked) -> Response:
        """Return the page that applies other thresholds: the yield of each stage, and the documents that would flip."""
        shown = self._view()
        groups, names = controls(shown, asked), [group.name for group in shown.survival["language"].groups]
        moved = [one for group in groups for one in group.controls if one.changed]
        overrides = [f"{one.key}={one.asked}" for one in moved]
        found, problem = _tried(lambda: what_if(self._path, overrides, limits.FLIPS)) if moved else (None, None)
        return self._answer(
            "what-if", problem, groups=groups, moved=moved, found=found, names=names, language=asked.get("language", "")
        )

    def why(self, asked: Asked) -> Response:
        """Return the page of one document through all stages."""
        found, problem = _tried(lambda: why(self._path, asked["q"])) if asked.get("q") else (None, None)
        return self._answer("why", problem, asked=asked, found=found)

    def texts(self, asked: Asked) -> Response:
        """Return the page that compares the texts of one document in two roots."""
        number = asked.get("with", "1")
        if number not in {str(n) for n in range(1, len(self._names))}:
            raise HTTPException(404)
        mine, its = open_root(self._path), open_root(self._against[int(number) - 1])
        found, problem = None, None
        if asked.get("q"):
            found, problem = _tried(lambda: page_texts(mine, its, asked["q"], asked.get("stage", "")))
        stages = [name for name in mine.names if name in its.names]
        return self._answer("page-texts", problem, asked=asked, pair=found, other=int(number), stages=stages)

    def _view(self) -> View:
        return view(open_root(self._path))

    def _answer(self, template: str, problem: RefineryError | None = None, **values: Any) -> Response:
        """Render a page. Before the first phase ends, only the live page exists."""
        found = self._view()
        if not found.stages and template != "live":
            raise UsageError(f"{self._path}: no stage has run yet", hint="run `refinery run` first")
        write = Writer(found, self._names, served=True)
        page = "texts" if template == "page-texts" else template
        return _page(write(template, page, problem=problem, **values), 400 if problem else 200)


def _tried(ask: Callable[[], T]) -> tuple[T | None, RefineryError | None]:
    """Return the result, or the error to show on the page."""
    try:
        return ask(), None
    except RefineryError as error:
        return None, error


def _state(reader: RootReader) -> list[Any]:
    """Return values that change whenever the root does."""
    manifests = [(entry.folder, entry.manifest) for entry in reader.stages]
    return [(folder, manifest.identity, manifest.parts, manifest.audit) for folder, manifest in manifests]


def _wanted(asked: Asked) -> SampleQuery:
    return SampleQuery(
        stage=asked.get("stage") or None,
        side=asked.get("side") or "any",
        rule=asked.get("rule") or None,
        metric=asked.get("metric") or None,
        low=_number(asked, "min"),
        high=_number(asked, "max"),
        count=limits.BROWSED,
        filters=Filters(*(asked.get(name) or None for name in ("language", "domain", "url"))),
    )


def _number(asked: Asked, name: str) -> float | None:
    try:
        return float(asked[name]) if asked.get(name) else None
    except ValueError as error:
        raise UsageError(f"{name}={safe(asked[name][:80])} is not a number", hint="write it as 0.5 or 100") from error
