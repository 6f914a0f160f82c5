"""Sends requests to S3 and compatible stores through boto3, and maps their error responses to exceptions.

Endpoint, region, profile and credentials are configured as for any AWS tool. Each call is one counted request, which
``refinery.store.retry`` repeats if it fails for a temporary reason.
"""

from __future__ import annotations

import base64
import hashlib
import os
from functools import cache
from typing import Any

from refinery.errors import StorageError, UsageError
from refinery.store.responses import Response
from refinery.store.retry import RequestLimiter, Transient, limiter_of, retrying
from refinery.store.traffic import count

CONNECT_SECONDS, SILENT_SECONDS = 10, 15
"""Seconds without a connection, or without a byte, after which a request has failed."""

ANONYMOUS = "AWS_NO_SIGN_REQUEST"
"""Environment variable for unsigned requests, as to public buckets."""

_VARIABLES = {
    "endpoint": ("AWS_ENDPOINT_URL_S3",),
    "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "profile": ("AWS_PROFILE",),
    "anonymous": (ANONYMOUS,),
}

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


def head(path: str) -> Response | None:
    """Request an object's version and size; return None if it is absent. Raises Transient or StorageError."""
    try:
        response = request(path, "head", "head_object")
    except S3Refusal as refusal:
        only_absent(path, refusal)
        return None
    return Response(response.get("ETag", ""), str(response.get("LastModified", "")), int(response["ContentLength"]))


def checksum(data: bytes) -> str:
    """Return the checksum with which the store verifies the received data."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def only_absent(path: str, refusal: S3Refusal) -> None:
    """Raise StorageError unless the object is absent."""
    if refusal.kind != "absent":
        raise unexpected(path, refusal) from refusal


def unexpected(path: str, refusal: S3Refusal) -> StorageError:
    """Return the error for a refusal that no caller handles."""
    return StorageError(
        f"{path}: the store refused the request ({refusal})", hint="check that it is compatible with S3"
    )
