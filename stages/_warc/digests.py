"""Compares records with the digests in their WARC headers.

Digests are written as ``name:value`` in base 32, base 16 or base 64. What a payload digest covers differs between
writers: the HTTP body as stored, without its transfer coding, or without its content codings too. Source: ISO
28500:2017, 5.8 and 5.9; https://github.com/iipc/warc-specifications/issues/33.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping

BLOCK = "warc-block-digest"
PAYLOAD = "warc-payload-digest"

_BITS = {"md5": 128, "sha1": 160, "sha256": 256, "sha384": 384, "sha512": 512}


def wrong_digest(fields: Mapping[str, str], block: bytes, payloads: Iterable[bytes]) -> str:
    """Return a note on a wrong digest in a record's header, or "".

    The payload's digest is compared with each of ``payloads``, and only if the block has none. Unknown kinds of digests
    and malformed ones are ignored.
    """
    for name, candidates in ((BLOCK, [block]), (PAYLOAD, payloads)):
        kind, digest = _read(fields.get(name, ""))
        if digest:
            same = any(hashlib.new(kind, data, usedforsecurity=False).digest() == digest for data in candidates)
            return "" if same else f"{name} is not that of the record"
    return ""


def _read(text: str) -> tuple[str, bytes]:
    name, _, value = text.partition(":")
    kind = name.strip().lower().replace("-", "")
    value = value.strip()
    size = _BITS.get(kind, 0) // 8
    padded = value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 8)
    for decode, written in ((base64.b32decode, padded.upper()), (base64.b16decode, value.upper()), (_base64, value)):
        try:
            digest = decode(written)
        except ValueError:  # also for text that is not ASCII
            continue
        if size and len(digest) == size:
            return kind, digest
    return kind, b""


def _base64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
