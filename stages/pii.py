"""Stage ``pii``: masks personal data: e-mail addresses, phone numbers, accounts, ids and keys.

A kernel finds candidates by their shape; number plans, checksums, public ranges and the words before a candidate decide
what it is. Phone numbers and national ids are those of the regions of the document's language and URL, or have a prefix
of their country. Names and street addresses are not found: no rule for them is precise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar, Self, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator, model_validator

from refinery import LANG, TEXT, Asset, AssetError, Docs, Edit, Edited, Metric, Rule, threshold
from refinery.kernels import SPANS, personal_candidates
from refinery.stages._pii.checked import hits
from refinery.stages._pii.context import regions
from refinery.stages._pii.masks import Style, masked
from refinery.stages._pii.packages import NEEDED, require
from refinery.stages._pii.text import Kind, PersonalSpan, TextBytes

KINDS: tuple[Kind, ...] = get_args(Kind)
MASKED = pa.list_(pa.struct([*SPANS.value_type, ("replacement", pa.string())]))
"""``SPANS`` with what stands in the place of each. ``text`` is null unless the recipe stores values."""
KEY_BYTES = 64
_SUFFIX = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?[^/?#:]*\.([a-z]+)\.?(?:[/?#:]|$)", re.IGNORECASE)


class Pii(Edit):
    """Mask personal data in the text; keep documents that have not too much of it.

    ``masked`` lists what was masked, by UTF-8 byte offset in the text before, with its kind as reason. With
    ``store_values`` it has the values as well, so that the edit can be undone.
    """

    name: ClassVar = "pii"
    version: ClassVar = 1
    source: ClassVar = "own; FineWeb, https://arxiv.org/abs/2406.17557, masks e-mail and IP addresses"
    uses: ClassVar = (LANG.name, "url")
    adds: ClassVar = (TEXT,)
    metrics: ClassVar = (
        Metric("items", pa.uint32(), "count", "items", "personal data of all kinds"),
        Metric("email", pa.uint32(), "count", "items", "e-mail addresses"),
        Metric("phone", pa.uint32(), "count", "items", "phone numbers"),
        Metric("ip", pa.uint32(), "count", "items", "IPv4 and IPv6 addresses of the public ranges"),
        Metric("iban", pa.uint32(), "count", "items", "bank accounts (IBAN)"),
        Metric("card", pa.uint32(), "count", "items", "numbers of payment cards"),
        Metric("national_id", pa.uint32(), "count", "items", "national ids with check digits"),
        Metric("crypto", pa.uint32(), "count", "items", "addresses of currencies, such as Bitcoin's"),
        Metric("secret", pa.uint32(), "count", "items", "keys and tokens of services, private keys"),
        Metric("mac", pa.uint32(), "count", "items", "MAC addresses"),
        Metric("coordinates", pa.uint32(), "count", "items", "latitude and longitude of a place, to some metres"),
    )
    evidence: ClassVar = (pa.field("masked", MASKED),)

    kinds: tuple[Kind, ...] = Field(KINDS, description="the kinds that are masked; a list of these")
    style: Style = Field(
        "placeholder",
        description="what stands in their place: <EMAIL>, a hash of the value as <EMAIL:92c5…>, or a fake value of "
        "reserved ranges, the same for the same value",
    )
    key: Asset | None = Field(None, description="key of hashes and fake values: a path of a file of at most 64 bytes")
    store_values: bool = Field(False, description="store the values beside the text, so that masking can be undone")
    max_items: int | None = threshold(None, ge=0, description="most items of a document, of all kinds together")
    max_of_kind: Mapping[Kind, int] = threshold({}, description="most items of a document by kind: {secret: 0}")

    @field_validator("kinds")
    @classmethod
    def _in_order(cls, given: tuple[Kind, ...]) -> tuple[Kind, ...]:
        """Return the kinds in one order, for it has no meaning in a recipe."""
        return tuple(kind for kind in KINDS if kind in given)

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        """Refuse hashes without a key: of numbers there are too few for a hash to hide which it is."""
        if self.style == "hash" and self.key is None:
            raise ValueError("style: hash needs a key, the path of a file of random bytes")
        return self

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages that decide. Raises UsageError where one is not installed."""
        return {package: require(package) for kind, package in NEEDED.items() if kind in self.kinds}

    def check_asset(self, name: str, asset: Asset) -> None:
        """Read the key."""
        del name
        _key(asset)

    def rules(self) -> tuple[Rule, ...]:
        """The most items of all kinds, then of single kinds."""
        most = ((kind, self.max_of_kind[kind]) for kind in KINDS if kind in self.max_of_kind)
        every = () if self.max_items is None else (self.max_items,)
        return (
            *(Rule("many_items", "items", "A list of people or accounts.", at_most=number) for number in every),
            *(Rule(f"many_{kind}", kind, "Too much of this kind.", at_most=number) for kind, number in most),
        )

    def edit(self, docs: Docs) -> Edited:
        """The texts with masks, the number of items by kind, and what was masked."""
        texts = docs.column(TEXT.name)
        found = {row: (text, hits_) for row, text, hits_ in self._personal(docs, texts) if hits_}
        rows = np.fromiter(found, np.int64, len(found))
        counts = np.zeros((len(KINDS), len(docs)), np.uint32)
        after: list[str] = []
        spans: list[dict[str, Any]] = []
        offsets = np.zeros(len(docs) + 1, np.int32)
        key = b"" if self.key is None else _key(self.key)
        for row, (text, hits_) in found.items():
            pieces = list(self._spans(text, hits_, key))
            after.append(_replaced(text, pieces))
            spans += pieces
            offsets[row + 1] = len(pieces)
            for hit in hits_:
                counts[KINDS.index(hit.kind), row] += 1
        changed = np.zeros(len(docs), np.bool_)
        changed[rows] = True
        masked_spans = pa.ListArray.from_arrays(
            pa.array(np.cumsum(offsets, dtype=np.int32)), pa.array(spans, MASKED.value_type)
        )
        numbers = dict(zip(KINDS, map(pa.array, counts), strict=True))
        return Edited(
            {TEXT.name: pc.replace_with_mask(texts, pa.array(changed), pa.array(after, pa.string()))},
            {"items": pa.array(counts.sum(axis=0, dtype=np.uint32)), **numbers, "masked": masked_spans},
        )

    def _personal(self, docs: Docs, texts: pa.StringArray) -> Iterator[tuple[int, TextBytes, list[PersonalSpan]]]:
        """Yield the personal data of each text that has candidates."""
        lists = personal_candidates(texts)
        places = lists.flatten()
        triples = list(zip(*(places.field(name).to_pylist() for name in ("start", "end", "shape")), strict=True))
        sizes = pc.list_value_length(lists).to_numpy()
        ends = np.cumsum(sizes)
        rows = np.flatnonzero(sizes)
        chosen = pa.array(rows)
        languages = docs.languages().take(chosen).to_pylist()
        urls = docs.column("url").take(chosen).to_pylist() if "url" in docs.schema.names else [None] * len(rows)
        for row, language, url in zip(rows.tolist(), languages, urls, strict=True):
            suffix = _SUFFIX.match(url or "")
            text = TextBytes(
                texts[row].as_buffer().to_pybytes(), regions(language, suffix[1].lower() if suffix else "")
            )
            candidates = triples[ends[row] - sizes[row] : ends[row]]
            yield row, text, hits(text, candidates, self.kinds)

    def _spans(self, text: TextBytes, items: list[PersonalSpan], key: bytes) -> Iterator[dict[str, Any]]:
        for start, end, kind in items:
            value = text.piece(start, end)
            yield {
                "offset": start,
                "length": end - start,
                "reason": kind,
                "text": value if self.store_values else None,
                "cut": True,
                "replacement": masked(kind, value, self.style, key),
            }


def _replaced(text: TextBytes, spans: list[dict[str, Any]]) -> str:
    at, pieces = 0, []
    for span in spans:
        pieces += [text.data[at : span["offset"]].decode(), span["replacement"]]
        at = span["offset"] + span["length"]
    return "".join([*pieces, text.data[at:].decode()])


@lru_cache(maxsize=4)
def _key(asset: Asset) -> bytes:
    with open(asset.path(), "rb") as stream:
        key = stream.read(KEY_BYTES + 1)
    if not 0 < len(key) <= KEY_BYTES:
        raise AssetError(f"asset {asset}: {len(key)} bytes", hint=f"a key has 1 to {KEY_BYTES} random bytes")
    return key
