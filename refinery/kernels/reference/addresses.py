"""URLs as block lists see them: a canonical host, its parent domains, and the page.

Own splitting and not ``urllib.parse``: that raises on hostile input and differs between patch versions of Python.
A host is canonical as browsers ask for it: percent-decoded, NFKC, lower case, Punycode (UTS 46 without its deletions);
user, port, final dot and one leading ``www.`` are no part of it.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from urllib.parse import unquote

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:[/\\]{2}")
_HOST_END = re.compile(r"[/\\?#]")
_PORT = re.compile(r":[0-9]*\Z")
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+)*")
_FULL_STOPS = str.maketrans("\u3002\uff0e\uff61", "...")
_LONGEST_NAME = 253
_LONGEST_LABEL = 63


@dataclass(frozen=True)
class Address:
    """A host in canonical form, and the ``page``: host, slash, path and query without a final slash.

    Scheme and fragment do not count. ``defect`` is "none", or what keeps the URL from naming a host; host and page are
    then empty.
    """

    host: str = ""
    page: str = ""
    defect: str = "none"


def parse_url(url: str | None) -> Address:
    """Return the address of a URL. Linear in its length; raises nothing.

    Defects: ``missing`` (null or blank), ``no_scheme`` (no ``scheme://``), ``no_host``, ``bad_host``.
    """
    url = (url or "").strip()
    if not url:
        return Address(defect="missing")
    scheme = _SCHEME.match(url)
    if scheme is None:
        return Address(defect="no_scheme")
    end = _HOST_END.search(url, scheme.end())
    place = end.start() if end else len(url)
    authority = url[scheme.end() : place].rpartition("@")[2]
    if not _PORT.sub("", authority):
        return Address(defect="no_host")
    host = canonical_host(authority)
    if not host:
        return Address(defect="bad_host")
    rest = url[place:].partition("#")[0].removeprefix("/").rstrip("/")
    return Address(host, f"{host}/{rest}")


def canonical_host(authority: str) -> str:
    """Return the canonical form of a host with or without port; "" for an invalid one."""
    host = _PORT.sub("", authority)
    if len(host) > 3 * _LONGEST_NAME:
        return ""
    if host.startswith("[") and host.endswith("]"):
        return _ip(host[1:-1], ipaddress.IPv6Address)
    host = unicodedata.normalize("NFKC", unquote(host).translate(_FULL_STOPS)).lower()
    host = host.removesuffix(".")
    if not host.isascii():
        host = ".".join(_to_ascii(label) for label in host.split("."))
    if len(host) > _LONGEST_NAME or not _HOST.fullmatch(host):
        return ""
    if _NUMBERS.fullmatch(host):
        return _ip(host, ipaddress.IPv4Address)
    bare = host.removeprefix("www.")
    return bare if "." in bare else host


def _to_ascii(label: str) -> str:
    if label.isascii():
        return label
    # Punycode is never shorter, and the encoder is quadratic: a space makes the host a bad one.
    return "xn--" + label.encode("punycode").decode("ascii") if len(label) <= _LONGEST_LABEL else " "


def _ip(text: str, kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> str:
    try:
        return kind(text).compressed
    except ValueError:
        return ""


def domains(host: str, suffixes: AbstractSet[str]) -> tuple[str, ...]:
    """Return the canonical host and its parent domains down to the registered domain, longest first.

    ``suffixes`` are rules of the Public Suffix List: ``co.uk``, ``*.ck``, ``!www.ck``. A public suffix has no parents,
    nor has an IP address.
    """
    if ":" in host or _NUMBERS.fullmatch(host):
        return (host,)
    labels = host.split(".")
    parents = len(labels) - _public_labels(labels, suffixes) - 1
    return (host, *(".".join(labels[first:]) for first in range(1, parents + 1)))


def _public_labels(labels: list[str], suffixes: AbstractSet[str]) -> int:
    """Return the number of labels in the public suffix: of the longest rule that matches, else 1.

    The name behind ``*.`` is itself public. See https://github.com/publicsuffix/list/wiki/Format.
    """
    for first in range(len(labels)):
        name, count = ".".join(labels[first:]), len(labels) - first
        if f"!{name}" in suffixes:
            return count - 1
        if f"*.{name}" in suffixes:
            return count + (first > 0)
        if name in suffixes:
            return count
    return 1
