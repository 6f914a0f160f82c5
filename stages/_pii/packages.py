"""The packages of the extra ``crawl-refinery[pii]``."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from refinery import UsageError

NEEDED = {"phone": "phonenumbers", "national_id": "python-stdnum"}
"""Kinds that a package decides."""


def require(package: str) -> str:
    """Return the version of a package. Raises UsageError where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError as error:
        kind = next(kind for kind, needed in NEEDED.items() if needed == package)
        hint = f"pip install 'crawl-refinery[pii]', or leave {kind} out of kinds"
        raise UsageError(f"pii needs the package {package} for the kind {kind}", hint=hint) from error
