"""The coverage of a stated licence: the whole page, a part of it such as an image, or neither for certain.

Decided by the elements around the statement, then by the first noun of its sentence. HTML: a link of type ``license``
is about the main content of the page, https://html.spec.whatwg.org/multipage/links.html#link-type-license.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any
from urllib.parse import urldefrag, urljoin

from refinery.stages._rights.tags import Attributes, StatedTag

PAGE, PART, UNCLEAR, NONE = "page", "part", "unclear", "none"

_FIGURES = {"figure", "figcaption"}
_QUOTED = {"pre", "code", "blockquote"}
_CAPTION = re.compile(
    r"caption|credit|attribution|photo|picture|image|img|thumb|gallery|lightbox|source-text|isc-|flickr|video|player|embed",
    re.IGNORECASE,
)
_COMMENT = re.compile(
    r"^(?:comments?|comment-?list|commentbody|comment-body|replies|disqus\w*)$|^comment-\d", re.IGNORECASE
)
_ENDING = re.compile(r"foot|copyright|colophon|licen[cs]e|legal|rights|site-?info|\bcc-", re.IGNORECASE)
_ELSEWHERE = re.compile(r"\b(?:texts?|contents?|articles?)\s+(?:in|from)\s")
_COMPOUND = re.compile(r"[\s-]*\w+")
_NAMED = re.compile(r"\bcc\b|creative\s*commons|\bby\b|public domain|cc0|gfdl", re.IGNORECASE)
_BADGE = re.compile(
    r"creativecommons|creative commons|licensebuttons|somerights|\bcc\b|cc[-_.]|\bby(?:-(?:nc|nd|sa))*\b", re.IGNORECASE
)

_PAGES = re.compile(
    r"(?:Article|Posting|Page|Work|Website|Blog|Report|Book|Chapter|Resource|Course|Recipe|HowTo|Episode|Question|Review|Guide)$",
    re.IGNORECASE,
)
_PARTS = re.compile(
    r"(?:Object|Photograph|Software\w+|Dataset|DataDownload|Map|Recording|Model|Product|Drawing|Painting|Comment|Answer)$",
    re.IGNORECASE,
)


@lru_cache(maxsize=1)
def _cues() -> Mapping[str, re.Pattern[str]]:
    text = resources.files("refinery.stages").joinpath("_rights", "cues.toml").read_text(encoding="utf-8")
    cues: dict[str, Any] = tomllib.loads(text)
    return {name: re.compile("|".join(f"(?:{one})" for one in listed)) for name, listed in cues.items()}


def is_quoted(tag: StatedTag) -> bool:
    """Return True for a tag in a quotation or in code: it states nothing about the page."""
    return any(name in _QUOTED for name, _ in tag.elements)


def of_type(types: object) -> str:
    """Return what a licence of a thing is for, by the thing's types in schema.org."""
    names = [types] if isinstance(types, str) else types if isinstance(types, list) else []
    ends = [str(name).rstrip("/").rpartition("/")[2] for name in names]
    if any(_PARTS.search(name) for name in ends):
        return PART
    return PAGE if any(_PAGES.search(name) for name in ends) else UNCLEAR


def is_about_other(tag: StatedTag, page: str) -> bool:
    """Return True if a tag, or an element around it, has an attribute ``about`` with another address."""
    for found in (tag.attributes, *(its for _, its in tag.elements)):
        if found.get("about"):
            return urldefrag(urljoin(page, found["about"]))[0] != urldefrag(page)[0] or found["about"].startswith("#")
    return False


def of_item(tag: StatedTag) -> str:
    """Return what a licence in microdata is for: the type of the item around it; the page's without one."""
    types = [its["itemtype"] for _, its in tag.elements if its.get("itemtype")]
    return of_type(types[0].split()) if types else PAGE


def of_link(tag: StatedTag, *, declared: bool) -> str:
    """Return what a link to a licence is for; ``declared``: its type is ``license``."""
    badge = _is_badge(tag)
    if is_quoted(tag):
        return UNCLEAR
    if _is_in_comment(tag) or (not badge and _is_in_caption(tag)):
        return PART
    found = _of_sentence(tag)
    if found:
        return found
    if declared or _cues()["label"].search(tag.lead.lower()):
        return PAGE
    if _ELSEWHERE.search(tag.lead.lower()):
        return UNCLEAR
    names = " ".join([tag.attributes.get("class", ""), tag.attributes.get("title", "")])
    near = " ".join(f"{name} {_names(its)}" for name, its in tag.elements)
    named = badge or bool(_NAMED.search(tag.text))
    return PAGE if _ENDING.search(names) or (named and _ENDING.search(near)) else UNCLEAR


def _of_sentence(tag: StatedTag) -> str:
    """Return what the licence is for by the sentence; "" if that does not state it."""
    sentence = f"{'' if tag.begins_block else tag.lead} {tag.text}".strip().lower()
    if tag.begins_block:
        sentence = f"{sentence} {tag.rest}".lower()
    whole, part = _cues()["whole"].search(sentence), _cues()["part"].search(sentence)
    if whole and (not part or whole.end() <= part.end() or _COMPOUND.fullmatch(sentence, part.end(), whole.end())):
        return UNCLEAR if _cues()["some"].search(sentence[: whole.start()]) else PAGE
    return PART if part else ""


def _is_in_comment(tag: StatedTag) -> bool:
    return any(_COMMENT.match(word) for _, its in tag.elements for word in _names(its).split())


def _is_in_caption(tag: StatedTag) -> bool:
    near = tag.elements[:3]
    return any(name in _FIGURES for name, _ in tag.elements) or any(_CAPTION.search(_names(its)) for _, its in near)


def _is_badge(tag: StatedTag) -> bool:
    """Return True for an anchor that has nothing but a picture of the licence."""
    stated = [" ".join(image.get(name, "") for name in ("src", "alt", "title", "data-src")) for image in tag.images]
    return not tag.text and any(_BADGE.search(one) for one in stated)


def _names(its: Attributes) -> str:
    return f"{its.get('class', '')} {its.get('id', '')}"
