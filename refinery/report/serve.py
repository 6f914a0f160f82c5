"""The dashboard served: the static pages as they are now, where a run stands, and questions that need the rows.

Only reads; answers GET alone, to this machine alone unless told otherwise. What was crawled is text on every page.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from refinery.errors import RefineryError, UsageError
from refinery.formatting import safe
from refinery.inspect.accounts import why
from refinery.inspect.filters import Filters
from refinery.inspect.reader import RootReader, open_root
from refinery.inspect.runs import problems, status
from refinery.inspect.samples import SampleQuery, sample
from refinery.inspect.whatif import what_if
from refinery.report.controls import controls
from refinery.report.frame import Writer, policy
from refinery.report.pages import pages
from refinery.report.sides import names_of
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

    from refinery.report.search import FOUND, search
except ModuleNotFoundError as error:  # the extra is not installed
    raise UsageError(f"serving needs the package {error.name}", hint="pip install 'refinery[dashboard]'") from error

FLIPS = 20
"""Documents that a what-if page shows of each kind."""

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
    """Serve the root at ``path``, beside others, until interrupted; ``ready`` is called once the address is taken.

    Raises UsageError where there is none, or where nothing can listen at the address.
    """
    for one in (path, *against):
        open_root(one)
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UsageError(f"{host}:{port}: {error.strerror}", hint="another --port or --host") from error
    settings = uvicorn.Config(application(path, [host], against), log_level="warning", server_header=False)
    ready()
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(settings).run([listening])


def application(path: str, hosts: Sequence[str] = (), against: Sequence[str] = ()) -> Starlette:
    """The ASGI application. Requests under other host names are refused: a page elsewhere may point its name here."""
    asking = _Asking(path, against)
    answers = {
        "live": asking.live,
        "search": asking.search,
        "documents": asking.documents,
        "what-if": asking.what_if,
        "why": asking.why,
        "texts": asking.texts,
    }
    routes = [Route("/", _home), *(Route(f"/{name}", _endpoint(ask)) for name, ask in answers.items())]
    routes.append(Route("/{page}", _endpoint(asking.page)))
    guard = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", *hosts], www_redirect=False)
    failures: dict[Any, Any] = {RefineryError: asking.failed, HTTPException: asking.refused, Exception: asking.broken}
    return Starlette(routes=routes, middleware=[guard], exception_handlers=failures)


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


class _Asking:
    """The questions to a root. Each opens it anew, so answers are of what is there now."""

    def __init__(self, path: str, against: Sequence[str]) -> None:
        self._path = path
        self._against = against
        self._names = names_of([path, *against])
        self._built: tuple[Any, dict[str, str]] | None = None

    def page(self, asked: Asked) -> Response:
        """One of the static pages, made again when the root has changed."""
        holdings = open_root(self._path)
        state = [_state(one) for one in (holdings, *map(open_root, self._against))]
        if self._built is None or self._built[0] != state:
            self._built = state, pages(holdings, self._against, served=True)
        found = self._built[1].get(asked["page"])
        if found is None or not asked["page"].endswith(".html"):
            raise HTTPException(404)
        return _page(found)

    def failed(self, request: Request, error: RefineryError) -> Response:
        """The error of a question, in the frame of all pages."""
        del request
        return self._failure(error.message, error.hint, 400)

    def refused(self, request: Request, error: HTTPException) -> Response:
        """A path or method that there is none of."""
        message = {404: f"no such page: {request.url.path[:80]}", 405: "only GET is answered"}
        return self._failure(message.get(error.status_code, error.detail), "", error.status_code, error.headers)

    def broken(self, request: Request, error: Exception) -> Response:
        """An error of ours, in a frame that needs no root; its traceback goes to the terminal."""
        del request
        write = Writer(None, self._names, served=True)
        shown = RefineryError(f"internal error: {type(error).__name__}", hint="the terminal has the traceback")
        return _page(write("error", "error", problem=shown), 500)

    def _failure(self, message: str, hint: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
        try:
            found: View | None = self._view()
        except RefineryError:
            found = None
        write = Writer(found, self._names, served=True)
        return _page(write("error", "error", problem=RefineryError(message, hint=hint)), status, headers)

    def live(self, asked: Asked) -> Response:
        """Where the newest run stands."""
        del asked
        found = status(self._path)
        drawn = times(found.run) if found.run else None
        return self._answer("live", status=found, problems=problems(self._path)[:50], times=drawn, rows=SLOTS)

    def search(self, asked: Asked) -> Response:
        """Documents whose URL or text contains some words, with their outcomes."""
        words = asked.get("q", "").strip()
        found = search(open_root(self._path), words, text="text" in asked) if words else []
        return self._answer("search", asked=asked, found=found, limit=FOUND)

    def documents(self, asked: Asked) -> Response:
        """Samples by stage, rule and metric range."""
        found, problem = _tried(lambda: sample(self._path, _wanted(asked))) if asked else (None, None)
        return self._answer("documents", problem, asked=asked, found=found)

    def what_if(self, asked: Asked) -> Response:
        """Other thresholds: the yield of each stage, and the documents that would flip."""
        groups = controls(self._view(), asked)
        moved = [one for group in groups for one in group.controls if one.changed]
        overrides = [f"{one.key}={one.asked}" for one in moved]
        found, problem = _tried(lambda: what_if(self._path, overrides, FLIPS)) if moved else (None, None)
        return self._answer("what-if", problem, groups=groups, moved=moved, found=found)

    def why(self, asked: Asked) -> Response:
        """One document through all stages."""
        found, problem = _tried(lambda: why(self._path, asked["q"])) if asked.get("q") else (None, None)
        return self._answer("why", problem, asked=asked, found=found)

    def texts(self, asked: Asked) -> Response:
        """The texts of one page in two roots."""
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
        """A page of its own; while a run is in its first phase the live one alone, for nothing else is known."""
        found = self._view()
        if not found.stages and template != "live":
            raise UsageError(f"{self._path}: no stage is made yet", hint="`refinery run` makes them")
        write = Writer(found, self._names, served=True)
        page = "texts" if template == "page-texts" else template
        return _page(write(template, page, problem=problem, **values), 400 if problem else 200)


def _tried(ask: Callable[[], T]) -> tuple[T | None, RefineryError | None]:
    """An answer, or the error that is shown beside the question."""
    try:
        return ask(), None
    except RefineryError as error:
        return None, error


def _state(holdings: RootReader) -> list[Any]:
    """What differs once a root has changed."""
    manifests = [(held.folder, held.manifest) for held in holdings.stages]
    return [(folder, manifest.identity, manifest.parts, manifest.audit) for folder, manifest in manifests]


def _wanted(asked: Asked) -> SampleQuery:
    return SampleQuery(
        stage=asked.get("stage") or None,
        side=asked.get("side") or "any",
        rule=asked.get("rule") or None,
        metric=asked.get("metric") or None,
        low=_number(asked, "min"),
        high=_number(asked, "max"),
        count=10,
        filters=Filters(*(asked.get(name) or None for name in ("language", "domain", "url"))),
    )


def _number(asked: Asked, name: str) -> float | None:
    try:
        return float(asked[name]) if asked.get(name) else None
    except ValueError as error:
        raise UsageError(f"{name}={safe(asked[name][:80])} is no number", hint="write it as 0.5 or 100") from error
