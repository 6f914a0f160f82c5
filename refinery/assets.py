"""Files that stages need besides their code: models, vocabularies and lists, found by name or path.

A catalogue (entry point group ``refinery.assets``, a TOML file in a package) describes each asset: its content, licence
and origin, which is a file of an installed distribution, or a file that a builder writes to the asset folder. Only
``fetch`` downloads, never a run: the error about a missing asset names the command that fetches it.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import tomllib
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from importlib import metadata, resources
from typing import Any, cast
from urllib.error import HTTPError

from pydantic import BaseModel, ConfigDict
from pydantic_core import core_schema

from refinery.errors import AssetError, StorageError
from refinery.store import LocalStore

LARGEST_DOWNLOAD = 2**31
"""Limit of a download in bytes; a larger response is not the expected file."""

TIMEOUT = 60.0
"""Seconds without a byte after which a download fails."""

_CHUNK = 1 << 18
_ROOM = "free disk space, or set REFINERY_ASSETS to another folder"

Progress = Callable[[int, int | None], None]
"""Called with the bytes downloaded so far and the total, which is None if the server does not send it."""


class KnownAsset(BaseModel):
    """One entry of a catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str
    licence: str
    sha256: str = ""
    """Digest of the file in ``package`` that is the asset, or of the file at ``url``; empty if it may change."""
    package: str = ""
    member: str = ""
    """Path of a file in the importable ``package``: the asset, or the source of ``build``."""
    url: str = ""
    """URL of the source that ``build`` reads."""
    build: str = ""
    """``module:function`` with ``(source: str, target: str) -> Mapping[str, int]``; returns counts of entries."""
    file: str = ""
    """Name of the built file in the asset folder."""
    archives: bool = False
    """True if ``build`` reads archives of the user's: a path, a glob, a folder or a list of paths."""


@dataclass(frozen=True)
class AssetStatus:
    """The state of an asset. If ``path`` is None, ``problem`` is the reason and ``hint`` the fix.

    ``provenance`` is the record of ``fetch`` about a built asset: source, SHA-256, and counts of its entries.
    """

    name: str
    known: KnownAsset
    path: str | None
    size: int
    problem: str = ""
    hint: str = ""
    provenance: Mapping[str, Any] | None = None


class Asset(str):
    """A typed field of a stage that names a file: a name of the catalogue, or a path (anything with a slash).

    ``path()`` locates the file; ``digest()`` is part of the stage's identity. Both raise AssetError.
    """

    __slots__ = ()

    def path(self) -> str:
        """Return the path of the local file."""
        if "/" in self or os.sep in self:
            if not os.path.isfile(self):
                problem = "a folder, not a file" if os.path.isdir(self) else "no such file"
                raise AssetError(
                    f"asset {self}: {problem}",
                    hint="check the path; relative paths start at the folder in which refinery runs",
                )
            return str(self)
        return _locate(self, _known(self))

    def digest(self) -> str:
        """Return the SHA-256 of the file in hexadecimal digits."""
        path = self.path()
        state = os.stat(path)
        return _sha256(path, state.st_size, state.st_mtime_ns)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.str_schema(min_length=1),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )


def asset_folder() -> str:
    """Return the folder of built assets: ``$REFINERY_ASSETS``, else ``refinery`` in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.environ.get("REFINERY_ASSETS") or os.path.join(cache, "refinery")


@lru_cache(maxsize=1)
def catalogue() -> dict[str, KnownAsset]:
    """Return all known assets by name, from every installed catalogue."""
    found: dict[str, KnownAsset] = {}
    for entry in metadata.entry_points(group="refinery.assets"):
        package, _, file = entry.value.partition(":")
        text = resources.files(package).joinpath(f"{file}.toml").read_text(encoding="utf-8")
        found |= {name: KnownAsset.model_validate(fields) for name, fields in tomllib.loads(text).items()}
    return found


def status(name: str) -> AssetStatus:
    """Return the state of the asset ``name``. Raises AssetError if no catalogue has it."""
    known = _known(name)
    try:
        path = _locate(name, known)
    except AssetError as error:
        return AssetStatus(name, known, None, 0, error.message, error.hint)
    return AssetStatus(name, known, path, os.path.getsize(path), provenance=_provenance(path))


def fetch(name: str, source: str | None = None, progress: Progress | None = None, out: str | None = None) -> str:
    """Build the asset ``name`` and return its path; an asset of an installed package is only checked.

    The source is ``source`` if set, else a file of an installed package, else the download. ``out``, or a file in the
    asset folder, and a JSON note of its provenance are written atomically. Raises AssetError and StorageError.
    """
    known = _known(name)
    if not known.build:
        if source is not None or out is not None:
            raise AssetError(f"asset {name!r} is part of the package {known.package}", hint="remove --source and --out")
        return _locate(name, known)
    store = LocalStore()
    target = out or os.path.join(asset_folder(), known.file)
    folder = os.path.dirname(os.path.abspath(target))
    download = store.temporary(folder)
    built = store.temporary(folder)
    try:
        file, origin = _source(name, known, source)
        if not file:
            _download(known.url, download, progress)
            _check_download(known, download)
            file = download
        counts = _build(known, file, built)
        digest = "" if known.archives else _file_sha256(file)
        note = {"name": name, "source": origin, "sha256": digest, "counts": counts}
        store.put(f"{target}.json", json.dumps(note, indent=1, sort_keys=True).encode())
        store.publish(built, target)
    finally:
        store.delete(download)
        store.delete(built)
    return target


def _source(name: str, known: KnownAsset, given: str | None) -> tuple[str, str]:
    """Return the source ("" if it must be downloaded) and its name in the provenance."""
    if known.archives:
        if given is None:
            raise AssetError(f"asset {name!r} is built from archives of yours", hint=_get(name, known))
        return given, given
    if given is not None:
        if not os.path.isfile(given):
            raise AssetError(f"source of asset {name!r}: {given}: no such file", hint="check the path")
        return given, os.path.basename(given)
    packaged = _in_package(known) if known.package else None
    if packaged is not None and os.path.isfile(packaged):
        return packaged, f"{known.package}/{known.member}"
    return "", known.url


def _known(name: str) -> KnownAsset:
    known = catalogue().get(name)
    if known is None:
        names = "" if os.path.exists(name) else f"choose one of {', '.join(sorted(catalogue()))}; "
        raise AssetError(f"unknown asset {name!r}", hint=f"{names}a path needs a slash: ./{name}")
    return known


def _get(name: str, known: KnownAsset) -> str:
    return f"refinery assets get {name}{' --source ARCHIVES' if known.archives else ''}"


def _locate(name: str, known: KnownAsset) -> str:
    if known.build:
        path = os.path.join(asset_folder(), known.file)
        if not os.path.isfile(path):
            raise AssetError(f"asset {name!r} ({known.about}) is missing", hint=f"run `{_get(name, known)}`")
        return path
    found = _in_package(known)
    if found is None:
        raise AssetError(f"asset {name!r}: the package {known.package} is not installed", hint="reinstall refinery")
    if not os.path.isfile(found):
        raise AssetError(f"asset {name!r}: {found} is missing", hint="reinstall refinery")
    state = os.stat(found)
    digest = _sha256(found, state.st_size, state.st_mtime_ns) if known.sha256 else ""
    if digest != known.sha256:
        raise AssetError(
            f"asset {name!r}: {found} has SHA-256 {digest}, expected {known.sha256}",
            hint=f"install the version of {known.package} that refinery requires",
        )
    return found


def _in_package(known: KnownAsset) -> str | None:
    """Return the path of ``member`` in ``package`` without importing it; None if it is not installed."""
    spec = importlib.util.find_spec(known.package)
    if spec is None or spec.origin is None:
        return None
    return os.path.join(os.path.dirname(spec.origin), *known.member.split("/"))


def _build(known: KnownAsset, source: str, target: str) -> dict[str, int]:
    module, _, function = known.build.partition(":")
    build = cast(Callable[[str, str], Mapping[str, int]], getattr(importlib.import_module(module), function))
    try:
        return dict(build(source, target))
    except OSError as error:
        raise StorageError(f"{target}: {error}", hint=_ROOM) from error


def _provenance(path: str) -> Mapping[str, Any] | None:
    note = f"{path}.json"
    if not os.path.isfile(note):
        return None
    try:
        with open(note, encoding="utf-8") as stream:
            return cast(Mapping[str, Any], json.load(stream))
    except (OSError, ValueError) as error:
        raise AssetError(f"{note}: {error}", hint="delete it and fetch the asset again") from error


def _download(url: str, target: str, progress: Progress | None) -> None:
    try:
        with open(target, "wb") as stream:
            stream.writelines(_chunks(url, progress))
    except OSError as error:
        raise StorageError(f"{target}: {error.strerror or error}", hint=_ROOM) from error


def _check_download(known: KnownAsset, file: str) -> None:
    digest = _file_sha256(file)
    if known.sha256 and digest != known.sha256:
        hint = "download the file yourself, look at it, and build it: refinery assets get NAME --source FILE"
        raise AssetError(f"{known.url} has SHA-256 {digest}, expected {known.sha256}", hint=hint)


def _chunks(url: str, progress: Progress | None) -> Iterator[bytes]:
    hint = "try again, or download the file yourself: refinery assets get NAME --source FILE"
    done = 0
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "refinery"})
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            stated = answer.headers.get("Content-Length", "")
            total = int(stated) if stated.isdecimal() else None
            while chunk := answer.read(_CHUNK):
                done += len(chunk)
                if done > LARGEST_DOWNLOAD:
                    raise AssetError(f"{url}: more than {LARGEST_DOWNLOAD} bytes", hint=hint)
                if progress is not None:
                    progress(done, total)
                yield chunk
    except (OSError, HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()  # it is an open response
        raise AssetError(f"{url}: {error}", hint=hint) from error
    if total is not None and done != total:
        raise AssetError(f"{url}: received {done} of {total} bytes", hint=hint)


def _file_sha256(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@lru_cache(maxsize=64)
def _sha256(path: str, size: int, mtime_ns: int) -> str:
    del size, mtime_ns  # part of the cache key only
    return _file_sha256(path)
