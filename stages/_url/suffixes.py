"""Rules of the Public Suffix List, from the installed package ``publicsuffixlist``. Not here: their application."""

from __future__ import annotations

from functools import lru_cache

from publicsuffixlist import PSLFILE

_BEGIN, _END = "// ===BEGIN ICANN DOMAINS===", "// ===END ICANN DOMAINS==="


@lru_cache(maxsize=1)
def suffixes() -> frozenset[str]:
    """Return the rules of the ICANN section, in Punycode: ``co.uk``, ``*.ck``, ``!www.ck``.

    Only these count as public: the entry ``blogspot.com`` of a blocklist includes all blogs, ``co.uk`` or ``com`` only
    the host itself.
    """
    with open(PSLFILE, encoding="utf-8") as stream:
        section = stream.read().partition(_BEGIN)[2].partition(_END)[0]
    lines = (line.split(" ")[0].strip().lower() for line in section.splitlines())
    return frozenset(_in_ascii(line) for line in lines if line and not line.startswith("//"))


def _in_ascii(rule: str) -> str:
    return rule if rule.isascii() else rule.encode("idna").decode("ascii")
