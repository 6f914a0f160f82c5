"""The rules of the Public Suffix List, from the installed package ``publicsuffixlist``. It does not apply them."""

from __future__ import annotations

from functools import lru_cache

from publicsuffixlist import PSLFILE

_BEGIN, _END = "// ===BEGIN ICANN DOMAINS===", "// ===END ICANN DOMAINS==="


@lru_cache(maxsize=1)
def suffixes() -> frozenset[str]:
    """The rules of the ICANN section, in Punycode: ``co.uk``, ``*.ck``, ``!www.ck``.

    Only these count as public: a blocklist's entry ``blogspot.com`` means all blogs, an entry ``co.uk`` or ``com``
    nothing but that very host.
    """
    with open(PSLFILE, encoding="utf-8") as stream:
        section = stream.read().partition(_BEGIN)[2].partition(_END)[0]
    lines = (line.split(" ")[0].strip().lower() for line in section.splitlines())
    return frozenset(_in_ascii(line) for line in lines if line and not line.startswith("//"))


def _in_ascii(rule: str) -> str:
    return rule if rule.isascii() else rule.encode("idna").decode("ascii")
