"""Objects of S3 and of compatible stores, through boto3: ``s3://bucket/key``.

Endpoint, region, profile and credentials are configured as for any AWS tool. Each call is one counted request, which
``refinery.store.retry`` repeats if it fails for a temporary reason. A put is atomic; large files are uploaded in parts;
objects are never renamed.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, TypeVar

from refinery.errors import StorageError, UsageError
from refinery.store import lease, scratch
from refinery.store.base import RootLock, Stat
from refinery.store.local import LocalStore, storage_errors
from refinery.store.patterns import in_one_folder, is_pattern, literal, matches
from refinery.store.remote import RemoteReading
from refinery.store.responses import Response, pieces, threads
from refinery.store.retry import RequestLimiter, Transient, limiter_of, retrying
from refinery.store.traffic import count

T = TypeVar("T")

CONNECT_SECONDS, SILENT_SECONDS = 10, 15
"""Seconds without a connection, or without a byte, after which a request has failed."""

PART = 1 << 23
"""Bytes of a part of a large file. Very large files have larger parts, as S3 allows 10,000 parts."""

PARTS_AT_ONCE = 4

COPIED_AT_ONCE = 1 << 30
"""Most bytes that one request copies; S3 allows 5 GiB."""

ANONYMOUS = "AWS_NO_SIGN_REQUEST"
"""Environment variable for unsigned requests, as to public buckets."""

_VARIABLES = {
    "endpoint": ("AWS_ENDPOINT_URL_S3",),
    "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "profile": ("AWS_PROFILE",),
    "anonymous": (ANONYMOUS,),
}

MANY = 8
"""Number of files of one folder from which on the folder is listed instead."""

_BUSY = {
    *("SlowDown", "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "TooManyRequests"),
    *("RequestLimitExceeded", "BandwidthLimitExceeded", "ServiceUnavailable", "RequestThrottledException", "Busy"),
}
_PASSING = {
    *("InternalError", "RequestTimeout", "RequestTimeoutException", "IncompleteBody", "BadDigest", "OperationAborted"),
    *("ConditionalRequestConflict", "XAmzContentSHA256Mismatch", "PriorRequestNotComplete", "InternalFailure"),
}
_ABSENT = {"NoSuchKey", "NotFound", "404", "NoSuchVersion"}
_DENIED = {"403", "Forbidden", ""}
"""Codes of a 403 without a reason."""

_UNFINISHED = {"NoSuchUpload", "InvalidPart", "InvalidPartOrder", "EntityTooSmall"}
"""Codes for an upload in parts that cannot be completed."""

_HINTS = {
    "NoSuchBucket": "create the bucket, or correct its name",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key: check the credentials",
    "InvalidAccessKeyId": "the access key does not exist here: check the credentials and the endpoint",
    "AccessDenied": "these credentials do not permit it; for public buckets set AWS_NO_SIGN_REQUEST=1",
    "ExpiredToken": "the credentials have expired: renew them, then run again",
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it",
}


class S3Refusal(Exception):
    """A refusal that the caller handles. ``kind`` is absent, precondition, range, unknown or upload."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def configure(**settings: str | bool) -> None:
    """Set endpoint, region, profile and anonymous, where given, for this process and those that it starts."""
    for name, value in settings.items():
        if value:
            os.environ.update(dict.fromkeys(_VARIABLES[name], "1" if value is True else str(value)))
            client.cache_clear()


@cache
def client() -> Any:
    """Return this process's client. Raises UsageError if boto3 is not installed."""
    try:
        import boto3
        from botocore import UNSIGNED
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        raise UsageError("s3:// paths need boto3", hint='pip install "crawl-refinery[s3]"') from error
    settings: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": SILENT_SECONDS,
        "max_pool_connections": 32,
        "retries": {"total_max_attempts": 1},
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    try:
        session = boto3.session.Session(region_name=os.environ.get("AWS_REGION") or None)
        if os.environ.get(ANONYMOUS, "").lower() in {"1", "yes", "true"} or session.get_credentials() is None:
            settings["signature_version"] = UNSIGNED
        return session.client("s3", config=Config(**settings))
    except (BotoCoreError, ValueError) as error:
        raise StorageError(f"s3: {error}", hint="check the AWS_… variables and ~/.aws") from error


def request(path: str, kind: str, method: str, **arguments: Any) -> Any:
    """Send one request. Raises Transient, S3Refusal or StorageError."""
    call = getattr(client(), method)  # first, as it raises UsageError if botocore is not installed
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectionError,  # noqa: A004 - its name there
        HTTPClientError,
    )
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    bucket, key = split(path)
    address = {"Bucket": bucket} | ({"Key": key} if key else {})
    if kind != "get":
        count(kind)
    try:
        return call(**address | arguments)
    except ClientError as error:
        raise _exception(path, error.response) from error
    except (HTTPClientError, ConnectionError, ResponseParserError, HTTPError, OSError) as error:
        if "CERTIFICATE" in str(error):
            raise StorageError(f"{path}: {error}", hint="AWS_CA_BUNDLE names the certificates to trust") from error
        raise Transient(_short(error)) from error
    except BotoCoreError as error:
        raise StorageError(f"{path}: {_short(error)}", hint="check the AWS_… variables and ~/.aws") from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _exception(path: str, response: dict[str, Any]) -> Exception:  # noqa: PLR0911 - one per kind of response
    """Return the exception for an error response."""
    error, about = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, status = str(error.get("Code", "")), int(about.get("HTTPStatusCode", 0))
    message = f"{code or status} {error.get('Message', '')}".strip()[:300]
    if code in _UNFINISHED:
        return S3Refusal("upload")
    if code in _ABSENT or (status == 404 and code != "NoSuchBucket"):
        return S3Refusal("absent")
    if status == 412:
        return S3Refusal("precondition")
    if status == 416:
        return S3Refusal("range")
    if status == 501 or code == "NotImplemented":
        return S3Refusal("unknown")
    if code in _BUSY or status in {429, 503}:
        return Transient(message, busy=True, wait=retry_after(about.get("HTTPHeaders", {}).get("retry-after", "")))
    if code in _PASSING or status >= 500 or status == 408:
        return Transient(message)
    if status == 403 and code in _DENIED:
        return Transient(message, busy=True, forbidden=True)
    return StorageError(f"{path}: {message}", hint=_HINTS.get(code, "check the path, the credentials and the endpoint"))


def retry_after(text: str) -> float:
    """Return the seconds of a ``Retry-After`` header."""
    return min(60.0, float(text)) if text.isdecimal() else 0.0


def split(path: str) -> tuple[str, str]:
    """Return bucket and key of a path. Raises UsageError if it has no bucket."""
    bucket, _, key = path.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError(f"{path}: no bucket", hint="the format is s3://BUCKET/PATH")
    return bucket, key


def limiter(path: str) -> RequestLimiter:
    """Return the limiter of the bucket of a path."""
    return limiter_of(f"s3://{split(path)[0]}")


def retried_request(path: str, kind: str, method: str, **arguments: Any) -> Any:
    """Send a request, repeated while it fails for temporary reasons. Raises S3Refusal or StorageError."""
    return retrying(lambda: request(path, kind, method, **arguments), path, limiter(path))


class S3Store(RemoteReading):
    """See ``refinery.store``. Temporary files are local until they are published."""

    # ------------------------------------------------------------------------------------------------------- reading

    def _limiter(self, path: str) -> RequestLimiter:
        return limiter(path)

    def _head(self, path: str) -> Response | None:
        if not split(path)[1]:
            return None
        try:
            response = request(path, "head", "head_object")
        except S3Refusal as refusal:
            _only_absent(path, refusal)
            return None
        return Response(response.get("ETag", ""), str(response.get("LastModified", "")), int(response["ContentLength"]))

    @contextlib.contextmanager
    def _get(self, path: str, start: int, stop: int | None) -> Iterator[Response | None]:
        try:  # a range, even of everything: its response contains the total size
            response = request(path, "get", "get_object", Range=f"bytes={start}-{'' if stop is None else stop - 1}")
        except S3Refusal as refusal:
            if refusal.kind != "range":
                _only_absent(path, refusal)
            yield self._head(path) if refusal.kind == "range" else None
            return
        body = response["Body"]
        try:
            total = response.get("ContentRange", "").rpartition("/")[2]
            if not total.isdecimal():
                raise StorageError(f"{path}: the store does not support range requests", hint="use another store")
            yield Response(
                response.get("ETag", ""), str(response.get("LastModified", "")), int(total), pieces(body.read)
            )
        finally:
            body.close()

    def stat(self, path: str) -> Stat:
        """See ``Store.stat``; temporary files are local."""
        return super().stat(path) if path.startswith("s3://") else LocalStore().stat(path)

    def find_stats(self, paths: Sequence[str]) -> Sequence[Stat | None]:
        """See ``Store.find_stats``. A folder of many of the files is listed instead."""
        folders: dict[str, list[str]] = {}
        for path in paths:
            folders.setdefault(path.rpartition("/")[0], []).append(path)
        listed = {folder for folder, of in folders.items() if len(of) >= MANY}
        stats: dict[str, Stat | None] = {}
        for folder in listed:
            stats |= dict(_objects(f"{folder}/", "/"))
        others = [path for path in paths if path.rpartition("/")[0] not in listed]
        stats |= dict(zip(others, super().find_stats(others), strict=True))
        return [stats.get(path) for path in paths]

    def list(self, pattern: str) -> list[str]:
        """See ``Store.list``. Raises StorageError."""
        if "*" not in pattern and self.exists(pattern):
            return [pattern]
        if not is_pattern(pattern):
            return sorted(path for path, _ in _objects(f"{pattern.rstrip('/')}/"))
        folder = "/" if in_one_folder(pattern) else ""
        return sorted(path for path, _ in _objects(literal(pattern), folder) if matches(pattern, path))

    def folders(self, path: str) -> Sequence[str]:
        """See ``Store.folders``."""
        prefix = f"{path.rstrip('/')}/"
        key = split(prefix)[1]
        prefixes = (one["Prefix"] for page in _pages(prefix, "/") for one in page.get("CommonPrefixes", ()))
        return sorted(name.removeprefix(key).rstrip("/") for name in prefixes)

    # ------------------------------------------------------------------------------------------------------- writing

    def temporary(self, root: str) -> str:
        """See ``Store.temporary``."""
        del root
        return scratch.new_path()

    def publish(self, temporary: str, path: str) -> None:
        """See ``Store.publish``."""
        with storage_errors(temporary):
            size = os.stat(temporary).st_size
            if size <= 2 * PART:
                with open(temporary, "rb") as stream:
                    self.put(path, stream.read())
            else:
                _Upload(temporary, path, size).run()
        LocalStore().delete(temporary)

    def put(self, path: str, data: bytes) -> None:
        """See ``Store.put``."""
        count("written", len(data))
        try:
            retried_request(path, "put", "put_object", Body=data, ContentMD5=_md5(data))
        except S3Refusal as refusal:
            raise _unexpected(path, refusal) from refusal

    def copy(self, path: str, target: str) -> None:
        """See ``Store.copy``: the store copies by itself."""
        size = self.stat(path).size
        source = dict(zip(("Bucket", "Key"), split(path), strict=True))
        try:
            if size <= COPIED_AT_ONCE:
                retried_request(target, "put", "copy_object", CopySource=source)
            else:
                _copy_in_parts(source, target, size)
        except S3Refusal as refusal:
            raise _unexpected(path, refusal) from refusal

    def delete(self, path: str) -> None:
        """See ``Store.delete``."""
        if not path.startswith("s3://"):
            LocalStore().delete(path)
            return
        try:
            retried_request(path, "delete", "delete_object")
        except S3Refusal as refusal:
            _only_absent(path, refusal)

    def names(self, folder: str) -> Sequence[str]:
        """See ``Store.names``. Raises StorageError."""
        bucket, key = split(f"{folder.rstrip('/')}/")
        try:
            page = retried_request(f"s3://{bucket}", "list", "list_objects_v2", Prefix=key, Delimiter="/")
        except S3Refusal as refusal:
            raise _unexpected(folder, refusal) from refusal
        names = [one["Key"] for one in page.get("Contents", ())]
        names += [one["Prefix"] for one in page.get("CommonPrefixes", ())]
        return sorted(filter(None, (name.removeprefix(key).rstrip("/") for name in names)))

    def sizes(self, paths: Sequence[str]) -> Sequence[int | None]:
        """See ``Store.sizes``."""
        return [None if stat is None else stat.size for stat in self.find_stats(paths)]

    def tags(self, folder: str) -> Mapping[str, str]:
        """See ``Store.tags``. Raises StorageError."""
        start = len(folder) + 1
        return {path[start:]: stat.etag for path, stat in _objects(f"{folder}/", "/")}

    def check_writable(self, folder: str) -> None:
        """See ``Store.check_writable``: it is only known after a write."""
        del folder

    def free(self, path: str) -> int | None:
        """See ``Store.free``: the size of a bucket is unlimited."""
        del path
        return None

    def clean(self, root: str) -> None:
        """See ``Store.clean``: local files only. Parts of interrupted uploads stay in the bucket."""
        del root
        scratch.clean()

    def lock(self, root: str, *, shared: bool = False) -> AbstractContextManager[RootLock]:
        """See ``Store.lock``."""
        return lease.lock(S3LeaseFiles(root), root, shared=shared)


class S3LeaseFiles:
    """Implements ``lease.LeaseFiles`` by objects below a root."""

    def __init__(self, root: str) -> None:
        self._root = root

    def file(self, name: str) -> S3LeaseFile:
        """See ``lease.LeaseFiles``."""
        return S3LeaseFile(f"{self._root}/{name}")

    def names(self) -> list[str]:
        """See ``lease.LeaseFiles``."""
        return [path.removeprefix(f"{self._root}/") for path, _ in _objects(f"{self._root}/{lease.SHARED}/")]


class S3LeaseFile:
    """Implements ``lease.LeaseFile`` by conditional writes, where the store supports them."""

    def __init__(self, path: str) -> None:
        self.path = path

    def read(self) -> tuple[bytes, str] | None:
        """See ``lease.LeaseFile``."""
        return S3Store().find_tagged(self.path)

    def write(self, data: bytes, over: str) -> bool:
        """See ``lease.LeaseFile``."""
        condition = {"IfMatch": over} if over else {"IfNoneMatch": "*"}
        content = {"Body": data, "ContentMD5": _md5(data)}
        try:
            retried_request(self.path, "put", "put_object", **content, **condition)
        except S3Refusal as refusal:
            if refusal.kind != "unknown":
                return False
            retried_request(self.path, "put", "put_object", **content)
        return True

    def remove(self) -> None:
        """See ``lease.LeaseFile``."""
        S3Store().delete(self.path)


class _Upload:
    """Upload of a large file in parts, each of which is retried by itself."""

    def __init__(self, temporary: str, path: str, size: int) -> None:
        self._temporary, self._path, self._size = temporary, path, size
        self._part = max(PART, -(-size // 9_000))
        self._digests: dict[int, bytes] = {}

    def run(self) -> None:
        """Upload the file, starting again if the store has lost or confused parts. Raises StorageError."""
        for _ in range(3):
            if self._once():
                return
        raise StorageError(f"{self._path}: the store lost parts of the upload three times", hint="run again")

    def _once(self) -> bool:
        path = self._path
        upload = retried_request(path, "put", "create_multipart_upload")["UploadId"]
        sent: list[Future[Any]] = []
        try:
            for number, start in enumerate(range(0, self._size, self._part), 1):
                sent.append(threads().submit(self._send, upload, number, start))
                if number >= PARTS_AT_ONCE:
                    sent[number - PARTS_AT_ONCE].result()  # no more parts than these are in memory
            parts = [one.result() for one in sent]
            retried_request(path, "put", "complete_multipart_upload", UploadId=upload, MultipartUpload={"Parts": parts})
        except S3Refusal as refusal:
            if refusal.kind != "upload":
                raise _unexpected(path, refusal) from refusal
            if self._is_there():  # the response to the first request was lost
                return True
            self._abort(upload, sent)
            return False
        except BaseException:
            self._abort(upload, sent)
            raise
        return True

    def _is_there(self) -> bool:
        tag = hashlib.md5(b"".join(self._digests[number] for number in sorted(self._digests)), usedforsecurity=False)
        response = S3Store()._response(self._path)  # noqa: SLF001 - its own store
        return response is not None and response.etag.strip('"') == f"{tag.hexdigest()}-{len(self._digests)}"

    def _abort(self, upload: str, sent: Sequence[Future[Any]]) -> None:
        for one in sent:
            one.cancel()
        wait(sent)  # a part that arrives after the abort would stay in the bucket
        with contextlib.suppress(S3Refusal, StorageError):  # the first error is raised
            retried_request(self._path, "delete", "abort_multipart_upload", UploadId=upload)

    def _send(self, upload: str, number: int, start: int) -> dict[str, Any]:
        with storage_errors(self._temporary), open(self._temporary, "rb") as stream:
            stream.seek(start)
            data = stream.read(self._part)
        count("written", len(data))
        self._digests[number] = hashlib.md5(data, usedforsecurity=False).digest()
        part = {"UploadId": upload, "PartNumber": number, "Body": data, "ContentMD5": _md5(data)}
        return {"PartNumber": number, "ETag": retried_request(self._path, "put", "upload_part", **part)["ETag"]}


def _copy_in_parts(source: dict[str, str], target: str, size: int) -> None:
    """Copy an object that is too large for one request. Raises S3Refusal or StorageError."""
    upload = retried_request(target, "put", "create_multipart_upload")["UploadId"]
    parts = []
    try:
        for number, start in enumerate(range(0, size, COPIED_AT_ONCE), 1):
            span = f"bytes={start}-{min(size, start + COPIED_AT_ONCE) - 1}"
            part = {"UploadId": upload, "PartNumber": number, "CopySource": source, "CopySourceRange": span}
            copied = retried_request(target, "put", "upload_part_copy", **part)["CopyPartResult"]
            parts.append({"PartNumber": number, "ETag": copied["ETag"]})
        retried_request(target, "put", "complete_multipart_upload", UploadId=upload, MultipartUpload={"Parts": parts})
    except BaseException:
        with contextlib.suppress(S3Refusal, StorageError):  # the first error is raised
            retried_request(target, "delete", "abort_multipart_upload", UploadId=upload)
        raise


def _objects(prefix: str, delimiter: str = "") -> Iterator[tuple[str, Stat]]:
    """Yield all objects with a prefix, in order; with a delimiter those of one folder."""
    bucket, _ = split(prefix)
    for page in _pages(prefix, delimiter):
        for entry in page.get("Contents", ()):
            if not entry["Key"].endswith("/"):  # some tools create empty objects for folders
                yield f"s3://{bucket}/{entry['Key']}", Stat(int(entry["Size"]), entry["ETag"])


def _pages(prefix: str, delimiter: str) -> Iterator[dict[str, Any]]:
    """Yield the pages of a listing by prefix, a thousand entries each."""
    bucket, key = split(prefix)
    start: dict[str, str] = {}
    while True:
        query = {"Prefix": key} | ({"Delimiter": delimiter} if delimiter else {}) | start
        try:
            page = retried_request(f"s3://{bucket}", "list", "list_objects_v2", **query)
        except S3Refusal as refusal:
            raise _unexpected(prefix, refusal) from refusal
        yield page
        if not page.get("IsTruncated"):
            return
        start = {"ContinuationToken": page["NextContinuationToken"]}


def _md5(data: bytes) -> str:
    """Return the checksum with which the store verifies the received data."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _only_absent(path: str, refusal: S3Refusal) -> None:
    """Raise StorageError unless the object is absent."""
    if refusal.kind != "absent":
        raise _unexpected(path, refusal) from refusal


def _unexpected(path: str, refusal: S3Refusal) -> StorageError:
    return StorageError(
        f"{path}: the store refused the request ({refusal})", hint="check that it is compatible with S3"
    )
