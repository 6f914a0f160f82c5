"""Objects of S3 and of compatible stores: ``s3://bucket/key``.

A put is atomic; large files are uploaded in parts; objects are never renamed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from refinery.errors import StorageError
from refinery.store import lease, s3_parts, scratch
from refinery.store.base import RootLock, Stat
from refinery.store.local import LocalStore, storage_errors
from refinery.store.patterns import in_one_folder, is_pattern, literal, matches
from refinery.store.remote import RemoteReading
from refinery.store.responses import Response, pieces
from refinery.store.retry import RequestLimiter
from refinery.store.s3_requests import (
    S3Refusal,
    checksum,
    head,
    limiter,
    only_absent,
    request,
    retried_request,
    split,
    unexpected,
)
from refinery.store.traffic import count

MANY = 8
"""Number of files of one folder from which on the folder is listed instead."""


class S3Store(RemoteReading):
    """See ``refinery.store``. Temporary files are local until they are published."""

    # ------------------------------------------------------------------------------------------------------- reading

    def _limiter(self, path: str) -> RequestLimiter:
        return limiter(path)

    def _head(self, path: str) -> Response | None:
        return head(path) if split(path)[1] else None

    @contextlib.contextmanager
    def _get(self, path: str, start: int, stop: int | None) -> Iterator[Response | None]:
        try:  # a range, even of everything: its response contains the total size
            response = request(path, "get", "get_object", Range=f"bytes={start}-{'' if stop is None else stop - 1}")
        except S3Refusal as refusal:
            if refusal.kind != "range":
                only_absent(path, refusal)
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
            if size <= 2 * s3_parts.PART:
                with open(temporary, "rb") as stream:
                    self.put(path, stream.read())
            else:
                s3_parts.Upload(temporary, path, size).run()
        LocalStore().delete(temporary)

    def put(self, path: str, data: bytes) -> None:
        """See ``Store.put``."""
        count("written", len(data))
        try:
            retried_request(path, "put", "put_object", Body=data, ContentMD5=checksum(data))
        except S3Refusal as refusal:
            raise unexpected(path, refusal) from refusal

    def copy(self, path: str, target: str) -> None:
        """See ``Store.copy``: the store copies by itself."""
        size = self.stat(path).size
        source = dict(zip(("Bucket", "Key"), split(path), strict=True))
        try:
            if size <= s3_parts.COPIED_AT_ONCE:
                retried_request(target, "put", "copy_object", CopySource=source)
            else:
                s3_parts.copy_in_parts(source, target, size)
        except S3Refusal as refusal:
            raise unexpected(path, refusal) from refusal

    def delete(self, path: str) -> None:
        """See ``Store.delete``."""
        if not path.startswith("s3://"):
            LocalStore().delete(path)
            return
        try:
            retried_request(path, "delete", "delete_object")
        except S3Refusal as refusal:
            only_absent(path, refusal)

    def names(self, folder: str) -> Sequence[str]:
        """See ``Store.names``. Raises StorageError."""
        bucket, key = split(f"{folder.rstrip('/')}/")
        try:
            page = retried_request(f"s3://{bucket}", "list", "list_objects_v2", Prefix=key, Delimiter="/")
        except S3Refusal as refusal:
            raise unexpected(folder, refusal) from refusal
        names = [one["Key"] for one in page.get("Contents", ())]
        names += [one["Prefix"] for one in page.get("CommonPrefixes", ())]
        return sorted(filter(None, (name.removeprefix(key).rstrip("/") for name in names)))

    def sizes(self, folder: str, paths: Sequence[str]) -> Sequence[int | None]:
        """See ``Store.sizes``."""
        stats = self.find_stats([f"{folder}/{path}" for path in paths])
        return [None if stat is None else stat.size for stat in stats]

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
        content = {"Body": data, "ContentMD5": checksum(data)}
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
            raise unexpected(prefix, refusal) from refusal
        yield page
        if not page.get("IsTruncated"):
            return
        start = {"ContinuationToken": page["NextContinuationToken"]}
