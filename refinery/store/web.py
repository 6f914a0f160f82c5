"""Read-only files of web servers: ``https://host/path``, as Common Crawl serves its archives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any, NoReturn
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from refinery.errors import StorageError, UsageError
from refinery.store.base import RootLock
from refinery.store.remote import RemoteReading
from refinery.store.responses import Response, pieces
from refinery.store.retry import RequestLimiter, Transient, limiter_of
from refinery.store.s3_requests import CONNECT_SECONDS, SILENT_SECONDS, retry_after
from refinery.store.traffic import count

ABSENT = {404, 410}


@cache
def pool(proxy: str) -> Any:
    """Return this process's connections, through a proxy if given. Raises UsageError if urllib3 is not installed."""
    try:
        import urllib3
    except ImportError as error:
        raise UsageError("https:// paths need urllib3", hint='pip install "crawl-refinery[s3]"') from error
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=SILENT_SECONDS)
    settings: Any = {"maxsize": 32, "timeout": timeout, "retries": urllib3.Retry(0, redirect=5, raise_on_redirect=True)}
    return urllib3.ProxyManager(proxy, **settings) if proxy else urllib3.PoolManager(**settings)


def _proxy(path: str) -> str:
    """Return the proxy for a host according to the environment (``https_proxy``, ``no_proxy``), or ""."""
    address = urlsplit(path)
    return "" if proxy_bypass(address.hostname or "") else getproxies().get(address.scheme, "")


class WebStore(RemoteReading):
    """See ``refinery.store``. A web server supports neither listing nor writing."""

    def _limiter(self, path: str) -> RequestLimiter:
        return limiter_of(urlsplit(path).netloc)

    def _head(self, path: str) -> Response | None:
        count("head")
        with _answer("HEAD", path, {}) as answer:
            return None if answer is None else _response(answer, int(answer.headers.get("Content-Length", 0)))

    @contextmanager
    def _get(self, path: str, start: int, stop: int | None) -> Iterator[Response | None]:
        ranged = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"} if start or stop is not None else {}
        with _answer("GET", path, ranged) as answer:
            if answer is None:
                yield None
            elif answer.status == 416:
                yield self._head(path)
            elif answer.status == 206:
                total = answer.headers.get("Content-Range", "").rpartition("/")[2]
                yield _response(answer, int(total), pieces(answer.read)) if total.isdecimal() else _refuse_ranges(path)
            elif ranged:
                yield _whole(path, answer, start, stop)
            else:
                yield _response(answer, int(answer.headers.get("Content-Length", 0)), pieces(answer.read))

    def list(self, pattern: str) -> list[str]:
        """Return the file itself if it exists: a web server lists nothing."""
        return [pattern] if self.exists(pattern) else []

    def folders(self, path: str) -> Sequence[str]:
        """Return no names: a web server lists nothing."""
        del path
        return []

    def temporary(self, root: str) -> str:
        """Raise UsageError."""
        _read_only(root)

    def publish(self, temporary: str, path: str) -> None:
        """Raise UsageError."""
        del temporary
        _read_only(path)

    def put(self, path: str, data: bytes) -> None:
        """Raise UsageError."""
        del data
        _read_only(path)

    def copy(self, path: str, target: str) -> None:
        """Raise UsageError."""
        del path
        _read_only(target)

    def delete(self, path: str) -> None:
        """Raise UsageError."""
        _read_only(path)

    def names(self, folder: str) -> Sequence[str]:
        """Return no names: a web server lists nothing."""
        del folder
        return ()

    def sizes(self, folder: str, paths: Sequence[str]) -> Sequence[int | None]:
        """See ``Store.sizes``."""
        stats = self.find_stats([f"{folder}/{path}" for path in paths])
        return [None if stat is None else stat.size for stat in stats]

    def tags(self, folder: str) -> Mapping[str, str]:
        """Return no names: a web server lists nothing."""
        del folder
        return {}

    def check_writable(self, folder: str) -> None:
        """Raise UsageError."""
        _read_only(folder)

    def free(self, path: str) -> int | None:
        """See ``Store.free``."""
        del path
        return None

    def clean(self, root: str) -> None:
        """Raise UsageError."""
        _read_only(root)

    def lock(self, root: str, *, shared: bool = False) -> AbstractContextManager[RootLock]:
        """Raise UsageError."""
        del shared
        _read_only(root)


@contextmanager
def _answer(method: str, path: str, headers: dict[str, str]) -> Iterator[Any]:
    """Send one request; yield the answer, or None for an absent file. Raises Transient or StorageError."""
    connections = pool(_proxy(path))  # first, as it raises UsageError if urllib3 is not installed
    import urllib3

    try:
        answer = connections.request(
            method, path, headers={"Accept-Encoding": "identity"} | headers, preload_content=False, decode_content=False
        )
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise _failed(path, error) from error
    try:
        yield None if answer.status in ABSENT else _accepted(path, answer)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Transient(" ".join(str(error).split())[:300]) from error
    finally:
        answer.close() if method == "GET" and not answer.isclosed() else answer.release_conn()


def _failed(path: str, error: Exception) -> Exception:
    message = " ".join(str(error).split())[:300]
    if isinstance(error, ValueError) or "CERTIFICATE" in message or "LocationParseError" in type(error).__name__:
        return StorageError(f"{path}: {message}", hint="check the address")
    return Transient(message)


def _accepted(path: str, answer: Any) -> Any:
    status, wait = answer.status, retry_after(answer.headers.get("Retry-After", ""))
    if status in {200, 206, 416}:
        return answer
    message = f"{status} {answer.reason or ''}".strip()
    if status in {429, 503}:
        raise Transient(message, busy=True, wait=wait)
    if status == 403:  # Common Crawl answers this to too many requests
        raise Transient(message, busy=True, forbidden=True, wait=wait)
    if status >= 500 or status == 408:
        raise Transient(message, wait=wait)
    raise StorageError(f"{path}: {message}", hint="check the address")


def _response(answer: Any, total: int, chunks: Iterator[bytes] | None = None) -> Response:
    headers = answer.headers
    return Response(headers.get("ETag", ""), headers.get("Last-Modified", ""), total, chunks or iter(()))


def _whole(path: str, answer: Any, start: int, stop: int | None) -> Response:
    """Return the answer of a server without range requests, which serves a file that is read at once."""
    total = int(answer.headers.get("Content-Length", 0))
    if start or stop is None or total > stop:
        _refuse_ranges(path)
    return _response(answer, total, pieces(answer.read))


def _refuse_ranges(path: str) -> NoReturn:
    raise StorageError(
        f"{path}: the server does not support range requests", hint="download the file, and use its local path"
    )


def _read_only(path: str) -> NoReturn:
    raise UsageError(f"{path}: web servers are read-only", hint="use a local root, or one at s3://")
