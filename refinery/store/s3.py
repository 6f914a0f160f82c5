"""Objects of S3 and of what speaks its language, through boto3: ``s3://bucket/key``.

Endpoint, region, profile and credentials are found as by every AWS tool. Each call here is one request: it is counted,
and when and how often it is tried again is in ``refinery.store.patience``. A put is atomic, and large files are put in
parts; nothing is ever renamed.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, TypeVar

from refinery.errors import StorageError, UsageError
from refinery.store import lease, scratch
from refinery.store.base import Hold, Stat
from refinery.store.local import LocalStore, storage_errors
from refinery.store.patience import Pace, Transient, pace_of, persist
from refinery.store.patterns import in_one_folder, is_pattern, literal, matches
from refinery.store.remote import Got, RemoteReading, pieces, threads
from refinery.store.traffic import count

T = TypeVar("T")

CONNECT_SECONDS, SILENT_SECONDS = 10, 15
"""Seconds without a connection, or without a byte, after which a request has failed."""

PART = 1 << 23
"""Bytes of a part of a large file; larger ones have larger parts, for there may be 10,000."""

PARTS_AT_ONCE = 4

COPIED_AT_ONCE = 1 << 30
"""Bytes that one request copies at most; S3 allows 5 GiB."""

ANONYMOUS = "AWS_NO_SIGN_REQUEST"
"""The variable that says not to sign requests, as for public buckets."""

_VARIABLES = {
    "endpoint": ("AWS_ENDPOINT_URL_S3",),
    "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "profile": ("AWS_PROFILE",),
    "anonymous": (ANONYMOUS,),
}

MANY = 8
"""As many files in one folder are looked at by listing it."""

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
"""What a 403 says that gives no reason."""

_UNFINISHED = {"NoSuchUpload", "InvalidPart", "InvalidPartOrder", "EntityTooSmall"}
"""What is said of an upload in parts that cannot be finished as it is."""

_HINTS = {
    "NoSuchBucket": "make the bucket, or correct its name",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key: check the credentials",
    "InvalidAccessKeyId": "there is no such access key here: check the credentials and the endpoint",
    "AccessDenied": "these credentials may not do this; public buckets want AWS_NO_SIGN_REQUEST=1 or other ones",
    "ExpiredToken": "the credentials have expired: renew them, then run again",
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it",
}


class Status(Exception):
    """An answer that the caller understands: absent, precondition, range, or an upload that is not to be finished."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def use(**settings: str | bool) -> None:
    """Let endpoint, region, profile and anonymous be these, where given, here and in processes started from now on."""
    for name, value in settings.items():
        if value:
            os.environ.update(dict.fromkeys(_VARIABLES[name], "1" if value is True else str(value)))
            client.cache_clear()


@cache
def client() -> Any:
    """The process's client. Raises UsageError where boto3 is not installed."""
    try:
        import boto3
        from botocore import UNSIGNED
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        raise UsageError("s3:// paths need boto3", hint='pip install "refinery[s3]"') from error
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


def request(path: str, kind: str, method: str, **given: Any) -> Any:
    """One request. Raises Transient, Status or StorageError."""
    call = getattr(client(), method)  # first, for it tells where botocore is not installed
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectionError,  # noqa: A004 - its name there
        HTTPClientError,
    )
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    bucket, key = split(path)
    asked = {"Bucket": bucket} | ({"Key": key} if key else {})
    if kind != "get":
        count(kind)
    try:
        return call(**asked | given)
    except ClientError as error:
        raise _understood(path, error.response) from error
    except (HTTPClientError, ConnectionError, ResponseParserError, HTTPError, OSError) as error:
        if "CERTIFICATE" in str(error):
            raise StorageError(f"{path}: {error}", hint="AWS_CA_BUNDLE names the certificates to trust") from error
        raise Transient(_short(error)) from error
    except BotoCoreError as error:
        raise StorageError(f"{path}: {_short(error)}", hint="check the AWS_… variables and ~/.aws") from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _understood(path: str, response: dict[str, Any]) -> Exception:  # noqa: PLR0911 - one a kind of answer
    """What a refusal means."""
    error, about = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, status = str(error.get("Code", "")), int(about.get("HTTPStatusCode", 0))
    said = f"{code or status} {error.get('Message', '')}".strip()[:300]
    if code in _UNFINISHED:
        return Status("upload")
    if code in _ABSENT or (status == 404 and code != "NoSuchBucket"):
        return Status("absent")
    if status == 412:
        return Status("precondition")
    if status == 416:
        return Status("range")
    if status == 501 or code == "NotImplemented":
        return Status("unknown")
    if code in _BUSY or status in {429, 503}:
        return Transient(said, busy=True, wait=retry_after(about.get("HTTPHeaders", {}).get("retry-after", "")))
    if code in _PASSING or status >= 500 or status == 408:
        return Transient(said)
    if status == 403 and code in _DENIED:
        return Transient(said, busy=True, forbidden=True)
    return StorageError(f"{path}: {said}", hint=_HINTS.get(code, "check the path, the credentials and the endpoint"))


def retry_after(text: str) -> float:
    """Seconds that a ``Retry-After`` header asks to wait."""
    return min(60.0, float(text)) if text.isdecimal() else 0.0


def split(path: str) -> tuple[str, str]:
    """Bucket and key of a path. Raises UsageError where it names no bucket."""
    bucket, _, key = path.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError(f"{path}: no bucket", hint="s3://BUCKET/PATH")
    return bucket, key


def pace(path: str) -> Pace:
    """The pace at the bucket of a path."""
    return pace_of(f"s3://{split(path)[0]}")


def ask(path: str, kind: str, method: str, **given: Any) -> Any:
    """A request that is tried again while it fails for reasons that pass. Raises Status or StorageError."""
    return persist(lambda: request(path, kind, method, **given), path, pace(path))


class S3Store(RemoteReading):
    """See ``refinery.store``. Temporary files are on this machine until they are published."""

    # ------------------------------------------------------------------------------------------------------- reading

    def _pace(self, path: str) -> Pace:
        return pace(path)

    def _head(self, path: str) -> Got | None:
        if not split(path)[1]:
            return None
        try:
            found = request(path, "head", "head_object")
        except Status as status:
            _only_absent(path, status)
            return None
        return Got(found.get("ETag", ""), str(found.get("LastModified", "")), int(found["ContentLength"]))

    @contextlib.contextmanager
    def _get(self, path: str, start: int, stop: int | None) -> Iterator[Got | None]:
        try:  # a range, even of all: the answer to one tells how long the whole is
            found = request(path, "get", "get_object", Range=f"bytes={start}-{'' if stop is None else stop - 1}")
        except Status as status:
            if status.kind != "range":
                _only_absent(path, status)
            yield self._head(path) if status.kind == "range" else None
            return
        body = found["Body"]
        try:
            total = found.get("ContentRange", "").rpartition("/")[2]
            if not total.isdecimal():
                raise StorageError(f"{path}: the store gives no ranges of files", hint="take another store")
            yield Got(found.get("ETag", ""), str(found.get("LastModified", "")), int(total), pieces(body.read))
        finally:
            body.close()

    def stat(self, path: str) -> Stat:
        """See ``Store.stat``; temporary files are files of this machine."""
        return super().stat(path) if path.startswith("s3://") else LocalStore().stat(path)

    def find_stats(self, paths: Sequence[str]) -> Sequence[Stat | None]:
        """See ``Store.find_stats``. Where many are in one folder, that is listed."""
        folders: dict[str, list[str]] = {}
        for path in paths:
            folders.setdefault(path.rpartition("/")[0], []).append(path)
        listed = {folder for folder, of in folders.items() if len(of) >= MANY}
        seen: dict[str, Stat | None] = {}
        for folder in listed:
            seen |= dict(_objects(f"{folder}/", "/"))
        others = [path for path in paths if path.rpartition("/")[0] not in listed]
        seen |= dict(zip(others, super().find_stats(others), strict=True))
        return [seen.get(path) for path in paths]

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
        found = (one["Prefix"] for page in _pages(prefix, "/") for one in page.get("CommonPrefixes", ()))
        return sorted(name.removeprefix(key).rstrip("/") for name in found)

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
            ask(path, "put", "put_object", Body=data, ContentMD5=_md5(data))
        except Status as status:
            raise _refused(path, status) from status

    def copy(self, path: str, target: str) -> None:
        """See ``Store.copy``: the store copies, nothing comes over the network."""
        size = self.stat(path).size
        source = dict(zip(("Bucket", "Key"), split(path), strict=True))
        try:
            if size <= COPIED_AT_ONCE:
                ask(target, "put", "copy_object", CopySource=source)
            else:
                _copy_in_parts(source, target, size)
        except Status as status:
            raise _refused(path, status) from status

    def delete(self, path: str) -> None:
        """See ``Store.delete``."""
        if not path.startswith("s3://"):
            LocalStore().delete(path)
            return
        try:
            ask(path, "delete", "delete_object")
        except Status as status:
            _only_absent(path, status)

    def names(self, folder: str) -> Sequence[str]:
        """See ``Store.names``. Raises StorageError."""
        bucket, key = split(f"{folder.rstrip('/')}/")
        try:
            page = ask(f"s3://{bucket}", "list", "list_objects_v2", Prefix=key, Delimiter="/")
        except Status as status:
            raise _refused(folder, status) from status
        found = [one["Key"] for one in page.get("Contents", ())]
        found += [one["Prefix"] for one in page.get("CommonPrefixes", ())]
        return sorted(filter(None, (name.removeprefix(key).rstrip("/") for name in found)))

    def check_writable(self, folder: str) -> None:
        """See ``Store.check_writable``: only a write would tell."""
        del folder

    def free(self, path: str) -> int | None:
        """See ``Store.free``: a bucket has no bound."""
        del path
        return None

    def clean(self, root: str) -> None:
        """See ``Store.clean``: what is on this machine. Parts of uploads that were broken off are the bucket's."""
        del root
        scratch.clean()

    def hold(self, root: str, *, shared: bool = False) -> AbstractContextManager[Hold]:
        """See ``Store.hold``."""
        return lease.hold(Cells(root), root, shared=shared)


class Cells:
    """The small objects below a root that leases are kept in."""

    def __init__(self, root: str) -> None:
        self._root = root

    def cell(self, name: str) -> Cell:
        """See ``lease.Cells``."""
        return Cell(f"{self._root}/{name}")

    def names(self) -> list[str]:
        """See ``lease.Cells``."""
        return [path.removeprefix(f"{self._root}/") for path, _ in _objects(f"{self._root}/{lease.SHARED}/")]


class Cell:
    """A small object that is only written over what was there when it was looked at, if the store can tell."""

    def __init__(self, path: str) -> None:
        self.path = path

    def look(self) -> tuple[bytes, str] | None:
        """What is in it, and its tag; None where it is not there."""
        return S3Store().find_tagged(self.path)

    def write(self, data: bytes, over: str) -> bool:
        """Replace what has the tag ``over``, or nothing if that is empty; whether it was still so."""
        condition = {"IfMatch": over} if over else {"IfNoneMatch": "*"}
        given = {"Body": data, "ContentMD5": _md5(data)}
        try:
            ask(self.path, "put", "put_object", **given, **condition)
        except Status as status:
            if status.kind != "unknown":
                return False
            ask(self.path, "put", "put_object", **given)
        return True

    def remove(self) -> None:
        """Delete it."""
        S3Store().delete(self.path)


class _Upload:
    """A large file on its way, part by part, each of which may fail and be sent again."""

    def __init__(self, temporary: str, path: str, size: int) -> None:
        self._temporary, self._path, self._size = temporary, path, size
        self._part = max(PART, -(-size // 9_000))
        self._digests: dict[int, bytes] = {}

    def run(self) -> None:
        """Upload; parts that the store has lost or mixed up are a reason to begin anew. Raises StorageError."""
        for _ in range(3):
            if self._once():
                return
        raise StorageError(f"{self._path}: the store loses parts of uploads", hint="run again")

    def _once(self) -> bool:
        path = self._path
        upload = ask(path, "put", "create_multipart_upload")["UploadId"]
        sent: list[Future[Any]] = []
        try:
            for number, start in enumerate(range(0, self._size, self._part), 1):
                sent.append(threads().submit(self._send, upload, number, start))
                if number >= PARTS_AT_ONCE:
                    sent[number - PARTS_AT_ONCE].result()  # no more parts than these are in memory
            parts = [one.result() for one in sent]
            ask(path, "put", "complete_multipart_upload", UploadId=upload, MultipartUpload={"Parts": parts})
        except Status as status:
            if status.kind != "upload":
                raise _refused(path, status) from status
            if self._is_there():  # the answer to the first request was lost
                return True
            self._abort(upload, sent)
            return False
        except BaseException:
            self._abort(upload, sent)
            raise
        return True

    def _is_there(self) -> bool:
        tag = hashlib.md5(b"".join(self._digests[number] for number in sorted(self._digests)), usedforsecurity=False)
        there = S3Store()._seen(self._path)  # noqa: SLF001 - its own store
        return there is not None and there.etag.strip('"') == f"{tag.hexdigest()}-{len(self._digests)}"

    def _abort(self, upload: str, sent: Sequence[Future[Any]]) -> None:
        for one in sent:
            one.cancel()
        wait(sent)  # a part that comes after the end would stay for ever
        with contextlib.suppress(Status, StorageError):  # what went wrong before is told
            ask(self._path, "delete", "abort_multipart_upload", UploadId=upload)

    def _send(self, upload: str, number: int, start: int) -> dict[str, Any]:
        with storage_errors(self._temporary), open(self._temporary, "rb") as stream:
            stream.seek(start)
            data = stream.read(self._part)
        count("written", len(data))
        self._digests[number] = hashlib.md5(data, usedforsecurity=False).digest()
        given = {"UploadId": upload, "PartNumber": number, "Body": data, "ContentMD5": _md5(data)}
        return {"PartNumber": number, "ETag": ask(self._path, "put", "upload_part", **given)["ETag"]}


def _copy_in_parts(source: dict[str, str], target: str, size: int) -> None:
    """Copy an object that is too large for one request. Raises Status or StorageError."""
    upload = ask(target, "put", "create_multipart_upload")["UploadId"]
    parts = []
    try:
        for number, start in enumerate(range(0, size, COPIED_AT_ONCE), 1):
            span = f"bytes={start}-{min(size, start + COPIED_AT_ONCE) - 1}"
            given = {"UploadId": upload, "PartNumber": number, "CopySource": source, "CopySourceRange": span}
            found = ask(target, "put", "upload_part_copy", **given)["CopyPartResult"]
            parts.append({"PartNumber": number, "ETag": found["ETag"]})
        ask(target, "put", "complete_multipart_upload", UploadId=upload, MultipartUpload={"Parts": parts})
    except BaseException:
        with contextlib.suppress(Status, StorageError):  # the error that is raised comes first
            ask(target, "delete", "abort_multipart_upload", UploadId=upload)
        raise


def _objects(prefix: str, delimiter: str = "") -> Iterator[tuple[str, Stat]]:
    """All objects whose paths begin so, in order; with a delimiter those of one folder."""
    bucket, _ = split(prefix)
    for page in _pages(prefix, delimiter):
        for found in page.get("Contents", ()):
            if not found["Key"].endswith("/"):  # some tools put empty objects where a folder would be
                yield f"s3://{bucket}/{found['Key']}", Stat(int(found["Size"]), found["ETag"])


def _pages(prefix: str, delimiter: str) -> Iterator[dict[str, Any]]:
    """Answers to a listing of what begins so, a thousand entries each."""
    bucket, key = split(prefix)
    start: dict[str, str] = {}
    while True:
        given = {"Prefix": key} | ({"Delimiter": delimiter} if delimiter else {}) | start
        try:
            page = ask(f"s3://{bucket}", "list", "list_objects_v2", **given)
        except Status as status:
            raise _refused(prefix, status) from status
        yield page
        if not page.get("IsTruncated"):
            return
        start = {"ContinuationToken": page["NextContinuationToken"]}


def _md5(data: bytes) -> str:
    """What the store holds the data against that came over the network."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _only_absent(path: str, status: Status) -> None:
    """Raises StorageError for an answer that says something else than that nothing is there."""
    if status.kind != "absent":
        raise _refused(path, status) from status


def _refused(path: str, status: Status) -> StorageError:
    return StorageError(f"{path}: the store refused the request ({status})", hint="is this a store that speaks S3?")
