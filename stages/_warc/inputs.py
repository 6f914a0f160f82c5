"""Which archive files a pattern of the recipe names: a path, a glob, a folder, or a file that lists paths.

Nothing here opens an archive.
"""

from __future__ import annotations

import glob
import gzip
import posixpath
import zlib
from collections.abc import Sequence

from refinery import StorageError, Store, UsageError

ARCHIVES = (".warc", ".warc.gz", ".warc.zst", ".arc", ".arc.gz")
TEXT_ARCHIVES = (".wet", ".wet.gz", ".wet.zst")
"""What is taken from a folder. A path or a glob may name files of any ending."""

LISTS = (".paths", ".paths.gz", ".txt", ".txt.gz")
"""Files with one path a line, as CommonCrawl's ``warc.paths.gz``."""


PREFIX = "what relative paths in a list are below, such as https://data.commoncrawl.org/; empty: see `inputs`"


def archives(pattern: str, store: Store, endings: Sequence[str], prefix: str = "") -> list[str]:
    """The files that ``pattern`` names, sorted, each once; of a folder those with one of the ``endings``.

    Relative paths in a list are below ``prefix``, else below its folder; in a list at ``s3://`` or ``https://`` those
    that begin as its own path does are below the bucket or host, as in the lists of Common Crawl.

    Raises StorageError where there are none or a listed one is missing, UsageError for an empty pattern.
    """
    if not pattern.strip():
        raise UsageError("inputs: an empty pattern", hint="name a WARC file, a folder, a glob or a list of paths")
    found = store.list(pattern)
    if pattern.endswith(LISTS):
        found = [path for listing in found for path in _listed(listing, store, prefix)]
    elif found != [pattern] and not glob.has_magic(pattern):
        found = [path for path in found if path.lower().endswith(tuple(endings))]
    if not found:
        hint = f"check the path; from a folder, files that end in {', '.join(endings)} are read"
        raise StorageError(f"{pattern}: no input file there", hint=hint)
    for path in found:
        _check_name(path)
    return sorted(set(found))


def _check_name(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise StorageError(f"{path!r}: the file's name is not UTF-8", hint="give it another name") from error


def _listed(listing: str, store: Store, prefix: str) -> list[str]:
    """The paths in a list; blank lines are passed over. Whether remote ones are there is seen when they are read."""
    found = []
    for number, line in enumerate(_text(listing, store).splitlines(), start=1):
        if not line.strip():
            continue
        path = _resolved(line.strip(), listing, prefix)
        if "://" not in path and not store.exists(path):
            raise StorageError(f"{listing}:{number}: {path}: no such file", hint="correct the list or fetch the file")
        found.append(path)
    if not found:
        raise StorageError(f"{listing}: the list names no file", hint="write one path a line")
    return found


def _resolved(line: str, listing: str, prefix: str) -> str:
    scheme, remote, rest = listing.partition("://")
    if "://" in line:
        return line
    if prefix:
        return f"{prefix.rstrip('/')}/{line.lstrip('/')}"
    if not remote:
        return posixpath.join(posixpath.dirname(listing), line)
    host, _, own = rest.partition("/")
    if line.startswith("/") or line.split("/", maxsplit=1)[0] == own.split("/")[0]:
        return f"{scheme}://{host}/{line.lstrip('/')}"
    return f"{posixpath.dirname(listing)}/{line}"


def _text(listing: str, store: Store) -> str:
    data = store.read(listing)
    try:
        return (gzip.decompress(data) if listing.endswith(".gz") else data).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise StorageError(f"{listing}: no list of paths: {error}", hint="it must be UTF-8, one path a line") from error
