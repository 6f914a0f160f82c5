"""Licences by their addresses: the identifiers of SPDX where it has one, with version and jurisdiction."""

from __future__ import annotations

import re
from typing import NamedTuple

_HOST = r"(?:https?:)?//(?:web\.archive\.org/web/[^/]+/(?:https?://)?)?(?:www\.)?"
_CC = re.compile(
    _HOST + r"creativecommons\.org/(licenses|publicdomain)/([a-z+-]+)?(?:/([0-9.]+))?(?:/([a-z]+))?(?=[/?#.]|$)",
    re.IGNORECASE,
)
_GFDL = re.compile(_HOST + r"gnu\.org/(?:copyleft|licenses(?:/old-licenses)?)/fdl(?:-(1\.\d))?\b", re.IGNORECASE)
_OGL = re.compile(_HOST + r"nationalarchives\.gov\.uk/doc/open-government-licence(?:/version/(\d))?", re.IGNORECASE)
_NAMED = re.compile(
    r"(?:creative[\s_-]*commons[\s_-]*)?attribution(?P<nc>[\s_-]*non-?commercial)?(?:[\s_-]*(?:(?P<sa>share-?[\s_]?alike)"
    r"|(?P<nd>no-?deriv(?:ative)?(?:works)?s?)))?(?:[\s_-]*licen[cs]e)?[\s_-]*(?P<version>\d\.\d)",
    re.IGNORECASE,
)
_SHORT = re.compile(
    r"cc[\s_-]*by(?P<nc>[\s_-]*nc)?(?P<sa>[\s_-]*sa)?(?P<nd>[\s_-]*nd)?[\s_-]*(?P<version>\d\.\d)", re.IGNORECASE
)

_PARTS = ("by", "nc", "nd", "sa")
_ODD = {"sampling", "sampling+", "nc-sampling+", "devnations"}
_DOMAIN = {"zero": "CC0", "mark": "CC-PDM", "publicdomain": "CC-PDDC", "certification": "CC-PDDC"}
_NO_PORTS = ("4.0",)
OTHER = "other"


class Licence(NamedTuple):
    """A licence: its family (CC-BY-SA), and its id with version and jurisdiction (CC-BY-SA-3.0-DE)."""

    family: str
    id: str | None


def by_address(url: str) -> Licence | None:
    """Return the licence at an address; None for others than Creative Commons, GFDL and OGL."""
    if match := _CC.match(url):
        return _creative_commons(*match.groups())
    if match := _GFDL.match(url):
        return Licence("GFDL", f"GFDL-{match[1]}" if match[1] else "GFDL")
    if match := _OGL.match(url):
        return Licence("OGL-UK", f"OGL-UK-{match[1]}.0" if match[1] else "OGL-UK")
    return None


def _creative_commons(kind: str, code: str | None, version: str | None, place: str | None) -> Licence | None:
    kind, code = kind.lower(), (code or "").lower()
    version = version if version and re.fullmatch(r"\d\.\d", version) else None
    if kind == "publicdomain" or code == "publicdomain":
        family = _DOMAIN.get(code or "publicdomain")
        place = None
    elif code in _ODD:
        family = f"CC-{code.upper()}"
    else:
        parts = code.split("-")
        known = len(set(parts)) == len(parts) and set(parts) <= set(_PARTS)
        family = "-".join(["CC", *(part.upper() for part in _PARTS if part in parts)]) if known else None
    if family is None:
        return None
    port = place.upper() if place and len(place) in {2, 3, 8} and place.lower() not in {"deed", "rdf"} else ""
    port = "" if version in _NO_PORTS else port
    return Licence(family, "-".join(filter(None, (family, version, port))))


def by_name(text: str) -> Licence | None:
    """Return the licence of Creative Commons that a text names with its version."""
    match = _NAMED.search(text) or _SHORT.search(text)
    if match is None:
        return None
    family = "-".join(["CC-BY", *(part.upper() for part in ("nc", "nd", "sa") if match[part])])
    return Licence(family, f"{family}-{match['version']}")
