"""Uploads and copies large objects in parts, as S3 takes no more than 5 GiB in one request."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from concurrent.futures import Future, wait
from typing import Any

from refinery.errors import StorageError
from refinery.store.local import storage_errors
from refinery.store.responses import threads
from refinery.store.retry import retrying
from refinery.store.s3_requests import S3Refusal, checksum, head, limiter, retried_request, unexpected
from refinery.store.traffic import count

PART = 1 << 23
"""Bytes of a part of a large file. Very large files have larger parts, as S3 allows 10,000 parts."""

PARTS_AT_ONCE = 4

COPIED_AT_ONCE = 1 << 30
"""Most bytes that one request copies; S3 allows 5 GiB."""


class Upload:
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
                raise unexpected(path, refusal) from refusal
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
        response = retrying(lambda: head(self._path), self._path, limiter(self._path))
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
        part = {"UploadId": upload, "PartNumber": number, "Body": data, "ContentMD5": checksum(data)}
        return {"PartNumber": number, "ETag": retried_request(self._path, "put", "upload_part", **part)["ETag"]}


def copy_in_parts(source: dict[str, str], target: str, size: int) -> None:
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
