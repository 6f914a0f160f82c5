"""Files of web servers, to read from: ``https://host/path``, as Common Crawl serves its archives to everybody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any, NoReturn
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from refinery.errors import StorageError, UsageError
from refinery.store.base import Hold
from refinery.store.patience import Pace, Transient, pace_of
from refinery.store.remote import Got, RemoteReading, pieces
from refinery.store.s3 import CONNECT_SECONDS, SILENT_SECONDS, retry_after
from refinery.store.traffic import count

ABSENT = {404, 410}


@cache
def pool(proxy: str) -> Any:
    """The process's connections, by a proxy if one is named. Raises UsageError where urllib3 is not installed."""
    try:
        import urllib3
    except ImportError as error:
        raise UsageError("https:// paths need urllib3", hint='pip install "refinery[s3]"') from error
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=SILENT_SECONDS)
    settings: Any = {"maxsize": 32, "timeout": timeout, "retries": urllib3.Retry(0, redirect=5, raise_on_redirect=True)}
    return urllib3.ProxyManager(proxy, **settings) if proxy else urllib3.PoolManager(**settings)


def _proxy(path: str) -> str:
    """What the environment (``https_proxy``, ``no_proxy``) says of the way to a host."""
    address = urlsplit(path)
    return "" if proxy_bypass(address.hostname or "") else getproxies().get(address.scheme, "")


class WebStore(RemoteReading):
    """See ``refinery.store``. Nothing can be listed or written there."""

    def _pace(self, path: str) -> Pace:
        return pace_of(urlsplit(path).netloc)

    def _head(self, path: str) -> Got | None:
        count("head")
        with _answer("HEAD", path, {}) as answer:
            return None if answer is None else _got(answer, int(answer.headers.get("Content-Length", 0)))

    @contextmanager
    def _get(self, path: str, start: int, stop: int | None) -> Iterator[Got | None]:
        ranged = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"} if start or stop is not None else {}
        with _answer("GET", path, ranged) as answer:
            if answer is None:
                yield None
            elif answer.status == 416:
                yield self._head(path)
            elif answer.status == 206:
                total = answer.headers.get("Content-Range", "").rpartition("/")[2]
                yield _got(answer, int(total), pieces(answer.read)) if total.isdecimal() else _refuse_ranges(path)
            elif ranged:
                yield _whole(path, answer, start, stop)
            else:
                yield _got(answer, int(answer.headers.get("Content-Length", 0)), pieces(answer.read))

    def list(self, pattern: str) -> list[str]:
        """The file itself, if it is there: a web server lists nothing."""
        return [pattern] if self.exists(pattern) else []

    def folders(self, path: str) -> Sequence[str]:
        """None: a web server lists nothing."""
        del path
        return []

    def temporary(self, root: str) -> str:
        """Raises UsageError."""
        _read_only(root)

    def publish(self, temporary: str, path: str) -> None:
        """Raises UsageError."""
        del temporary
        _read_only(path)

    def put(self, path: str, data: bytes) -> None:
        """Raises UsageError."""
        del data
        _read_only(path)

    def copy(self, path: str, target: str) -> None:
        """Raises UsageError."""
        del path
        _read_only(target)

    def delete(self, path: str) -> None:
        """Raises UsageError."""
        _read_only(path)

    def names(self, folder: str) -> Sequence[str]:
        """None: a web server lists nothing."""
        del folder
        return ()

    def check_writable(self, folder: str) -> None:
        """Raises UsageError."""
        _read_only(folder)

    def free(self, path: str) -> int | None:
        """See ``Store.free``."""
        del path
        return None

    def clean(self, root: str) -> None:
        """Raises UsageError."""
        _read_only(root)

    def hold(self, root: str, *, shared: bool = False) -> AbstractContextManager[Hold]:
        """Raises UsageError."""
        del shared
        _read_only(root)


@contextmanager
def _answer(method: str, path: str, headers: dict[str, str]) -> Iterator[Any]:
    """The answer to one request, None for what is not there. Raises Transient or StorageError."""
    connections = pool(_proxy(path))  # first, for it tells where urllib3 is not installed
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
    said = " ".join(str(error).split())[:300]
    if isinstance(error, ValueError) or "CERTIFICATE" in said or "LocationParseError" in type(error).__name__:
        return StorageError(f"{path}: {said}", hint="check the address")
    return Transient(said)


def _accepted(path: str, answer: Any) -> Any:
    status, wait = answer.status, retry_after(answer.headers.get("Retry-After", ""))
    if status in {200, 206, 416}:
        return answer
    said = f"{status} {answer.reason or ''}".strip()
    if status in {429, 503}:
        raise Transient(said, busy=True, wait=wait)
    if status == 403:  # Common Crawl says so when it is asked too often
        raise Transient(said, busy=True, forbidden=True, wait=wait)
    if status >= 500 or status == 408:
        raise Transient(said, wait=wait)
    raise StorageError(f"{path}: {said}", hint="check the address")


def _got(answer: Any, total: int, chunks: Iterator[bytes] | None = None) -> Got:
    headers = answer.headers
    return Got(headers.get("ETag", ""), headers.get("Last-Modified", ""), total, chunks or iter(()))


def _whole(path: str, answer: Any, start: int, stop: int | None) -> Got:
    """The answer of a server that gives no ranges: good for a file that is read at once."""
    total = int(answer.headers.get("Content-Length", 0))
    if start or stop is None or total > stop:
        _refuse_ranges(path)
    return _got(answer, total, pieces(answer.read))


def _refuse_ranges(path: str) -> NoReturn:
    raise StorageError(f"{path}: the server gives no ranges of files", hint="fetch the file, and name the local one")


def _read_only(path: str) -> NoReturn:
    raise UsageError(f"{path}: nothing can be written there", hint="give a local root, or one at s3://")
