"""The choice of kernels: native where they are built, unless ``REFINERY_KERNELS`` forces the reference.

Native kernels that were built from other sources than those of the checkout are refused, because their results may
differ from those of the current twins.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from functools import update_wrapper
from pathlib import Path
from types import BuiltinFunctionType, ModuleType
from typing import Any

import xxhash

from refinery.errors import UsageError

VARIABLE = "REFINERY_KERNELS"
CRATE = Path(__file__).resolve().parents[2] / "native"
"""The sources of the native kernels, where the package runs from a checkout."""

INSTALL = "with a Rust toolchain on the PATH, install refinery again (`make install` in a checkout)"
WITHOUT = f"or go without them: {VARIABLE}=reference"


def native() -> bool:
    """Return True if native kernels replace their twins.

    Raises UsageError for an unknown value of the variable, for ``native`` without an extension, and for an extension
    that was built from other sources.
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


def natives(twins: Mapping[str, Any]) -> dict[str, Any]:
    """Return the native kernels that replace ``twins``, by name, with the docstrings and signatures of those.

    They are the functions and classes of the extension, and of the modules ``native_*`` where Python does a part of the
    work. Raises ImportError where the extension is not built.
    """
    from refinery.kernels import (
        _native,
        native_benchmarks,
        native_bpe,
        native_content,
        native_dedup,
        native_extract,
        native_langid,
        native_mojibake,
        native_pages,
        native_prose,
        native_rights,
        native_structure,
        native_text,
        native_textmodel,
        native_trees,
        native_urls,
        native_words,
    )

    facades = (
        *(native_bpe, native_content, native_dedup, native_extract, native_langid),
        *(native_mojibake, native_pages, native_prose, native_rights, native_structure, native_text),
        *(native_benchmarks, native_textmodel, native_trees, native_urls, native_words),
    )
    kernels = {name: kernel for module in (_native, *facades) for name, kernel in vars(module).items()}
    names = [name for name, twin in twins.items() if not name.startswith("_") and not isinstance(twin, ModuleType)]
    return {
        name: _like(twins[name], kernels[name]) for name in names if kernels.get(name, twins[name]) is not twins[name]
    }


def _like(twin: Any, kernel: Any) -> Any:
    """Return a native kernel with the docstring and signature of its twin."""
    if not callable(kernel):
        return kernel
    if isinstance(kernel, BuiltinFunctionType):  # its docstring cannot be set
        builtin = kernel

        def kernel(*arguments: Any, **options: Any) -> Any:
            return builtin(*arguments, **options)

    update_wrapper(kernel, twin, updated=())
    kernel.__module__ = "refinery.kernels"
    return kernel


def built() -> bool:
    """Return True if this installation has native kernels."""
    return importlib.util.find_spec("refinery.kernels._native") is not None


def note() -> str:
    """Return a note if the reference kernels run because native ones are not built; else ""."""
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
