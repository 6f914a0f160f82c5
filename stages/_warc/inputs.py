"""Resolves an input pattern of the recipe to archive files: a path, a glob, a folder, or a list of paths.

Not here: opening archives.
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
"""Endings of the files that are read from a folder. A path or a glob may name files with other endings."""

LISTS = (".paths", ".paths.gz", ".txt", ".txt.gz")
"""Endings of files with one path per line, such as Common Crawl's ``warc.paths.gz``."""


PREFIX = "base of relative paths in a list, such as https://data.commoncrawl.org/; empty: see `inputs`"


def archives(pattern: str, store: Store, endings: Sequence[str], prefix: str = "") -> list[str]:
    """Return the files that ``pattern`` names, sorted, each once; of a folder those with one of the ``endings``.

    Relative paths in a list are relative to ``prefix``, or to the list's folder without one. In a list at ``s3://`` or
    ``https://``, paths that share the first folder of its own path are relative to bucket or host, as in the lists of
    Common Crawl.

    Raises StorageError if there are none or a listed one is missing, UsageError for an empty pattern.
    """
    if not pattern.strip():
        raise UsageError("inputs: an empty pattern", hint="use a WARC file, a folder, a glob or a list of paths")
    paths = store.list(pattern)
    if pattern.endswith(LISTS):
        paths = [path for listing in paths for path in _listed(listing, store, prefix)]
    elif paths != [pattern] and not glob.has_magic(pattern):
        paths = [path for path in paths if path.lower().endswith(tuple(endings))]
    if not paths:
        hint = f"check the path; of a folder, only files that end in {', '.join(endings)} are read"
        raise StorageError(f"{pattern}: no input file there", hint=hint)
    for path in paths:
        _check_name(path)
    return sorted(set(paths))


def _check_name(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise StorageError(f"{path!r}: the file's name is not UTF-8", hint="rename the file") from error


def _listed(listing: str, store: Store, prefix: str) -> list[str]:
    """Return the paths in a list, ignoring blank lines. A missing remote file is only noticed when it is read."""
    paths = []
    for number, line in enumerate(_text(listing, store).splitlines(), start=1):
        if not line.strip():
            continue
        path = _resolved(line.strip(), listing, prefix)
        if "://" not in path and not store.exists(path):
            raise StorageError(
                f"{listing}:{number}: {path}: no such file", hint="correct the list, or download the file"
            )
        paths.append(path)
    if not paths:
        raise StorageError(f"{listing}: the list names no file", hint="write one path per line")
    return paths


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
        raise StorageError(
            f"{listing}: not a list of paths: {error}", hint="it must be UTF-8, one path per line"
        ) from error
