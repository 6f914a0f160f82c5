"""Which kernels run: the native ones where they are built, unless ``REFINERY_KERNELS`` says otherwise.

Native kernels that were built from other sources than the checkout holds are refused: their twins may say something
else by now.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import xxhash

from refinery.errors import UsageError

VARIABLE = "REFINERY_KERNELS"
CRATE = Path(__file__).resolve().parents[2] / "native"
"""The sources of the native kernels, where the package runs from a checkout."""

INSTALL = "with a Rust toolchain on the PATH, install refinery again (`make install` in a checkout)"
WITHOUT = f"or go without them: {VARIABLE}=reference"


def native() -> bool:
    """Whether native kernels take the place of their twins.

    Raises UsageError for a wish that is unknown or cannot be met, and for native kernels that do not fit.
    """
    wish = os.environ.get(VARIABLE, "")
    if wish not in {"", "reference", "native"}:
        raise UsageError(f"{VARIABLE} is {wish!r}", hint="it may be reference or native, or not be set")
    if wish == "reference":
        return False
    if built():
        _check()
        return True
    if wish == "native":
        raise UsageError(f"{VARIABLE} is native, and the native kernels are not built", hint=INSTALL)
    return False


def built() -> bool:
    """Whether this installation has native kernels."""
    return importlib.util.find_spec("refinery.kernels._native") is not None


def note() -> str:
    """What whoever runs the reference kernels without having asked for them should know; else nothing."""
    if os.environ.get(VARIABLE) or built():
        return ""
    return f"note: the native kernels are not built, and the reference kernels are many times slower; {INSTALL}"


def digest_of_sources(crate: Path) -> str:
    """The digest of a crate's sources: names, lengths and bytes of its files. ``native/build.rs`` makes the same."""
    files = ["Cargo.lock", "Cargo.toml"]
    for folder, folders, names in os.walk(crate / "src"):
        below = os.path.relpath(folder, crate).replace(os.sep, "/")
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [f"{below}/{name}" for name in names if not name.startswith(".")]  # those are an editor's
    digest = xxhash.xxh3_64()
    for name in sorted(files):
        content = (crate / name).read_bytes()
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _check() -> None:
    try:
        from refinery.kernels import _native
    except ImportError as error:
        raise UsageError(f"the native kernels cannot be loaded: {error}", hint=f"{INSTALL}; {WITHOUT}") from error
    made_of = getattr(_native, "SOURCES", "unknown")
    if (CRATE / "src").is_dir() and made_of != digest_of_sources(CRATE):
        raise UsageError(
            f"{_native.__file__} was built from other sources than those in {CRATE}", hint=f"{INSTALL}; {WITHOUT}"
        )
