"""Laws of ``pii``: what is personal data in the text around it is masked, what only looks like it stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from refinery import AssetError, Docs, UsageError
from refinery.kernels import undo
from refinery.stages._pii import packages
from refinery.stages._pii.checksums import is_coin, keccak256
from refinery.stages.pii import KINDS, Pii
from tests.stages.verdicts import docs, edited, failed

TEXT = "Mail joe@corp.example.org, call (415) 555-2671 or +49 30 901820, IP 8.8.8.8."


def batch(texts: list[str], language: str | None, url: str = "https://example.com/") -> Docs:
    """Documents of one language and site."""
    columns = {"lang": pa.array([language] * len(texts), pa.string()), "url": pa.array([url] * len(texts))}
    return docs(*texts).with_columns(columns)


def masked(text: str, language: str | None = "en", **fields: Any) -> str:
    """The text after the stage."""
    found: str = edited(Pii(**fields), batch([text], language)).columns["text"][0].as_py()
    return found


def found(text: str, language: str | None = "en", url: str = "https://example.com/") -> list[tuple[str, str]]:
    """Return the masked values of a text, each with its kind."""
    spans = edited(Pii(store_values=True), batch([text], language, url)).metrics["masked"][0].as_py()
    return [(span["reason"], span["text"]) for span in spans]


@pytest.mark.parametrize(
    ("text", "language", "kind", "value"),
    [
        ("write to joe.doe+x@mail.example.co.uk.", "en", "email", "joe.doe+x@mail.example.co.uk"),
        ("请发邮件至li@sina.cn。", "zh", "email", "li@sina.cn"),
        ("call 415-555-2671 x12 now", "en", "phone", "415-555-2671 x12"),
        ("Tel. 030/901820", "de", "phone", "030/901820"),
        ("06 12 34 56 78", "fr", "phone", "06 12 34 56 78"),
        ("电话：13812345678。", "zh", "phone", "13812345678"),
        ("(+44 20 7946 0958) 12", "ja", "phone", "+44 20 7946 0958"),
        ("DNS 8.8.8.8 is slow", "en", "ip", "8.8.8.8"),
        ("from 93.184.216.34:80", "de", "ip", "93.184.216.34"),
        ("at 2001:4860:4860::8888.", "en", "ip", "2001:4860:4860::8888"),
        ("DE89 3704 0044 0532 0130 00 BIC", "de", "iban", "DE89 3704 0044 0532 0130 00"),
        ("pay 4111 1111 1111 1111 now", "en", "card", "4111 1111 1111 1111"),
        ("SSN 536-90-4399", "en", "national_id", "536-90-4399"),
        ("12345678Z", "es", "national_id", "12345678Z"),
        ("PESEL 44051401458", "pl", "national_id", "44051401458"),
        ("RSSMRA85T10A562S", "en", "national_id", "RSSMRA85T10A562S"),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "en", "crypto", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        ("AKIAIOSFODNN7EXAMPLE", "en", "secret", "AKIAIOSFODNN7EXAMPLE"),
        ("00:1A:2b:3c:4D:5e", "en", "mac", "00:1A:2b:3c:4D:5e"),
        ("lat 52.52000, lon -13.40495", "en", "coordinates", "52.52000, lon -13.40495"),
    ],
)
def test_personal_data_is_found(text: str, language: str, kind: str, value: str) -> None:
    """One value of each kind, whatever is next to it."""
    assert found(text, language) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "Order number: 4155552671",
        "Invoice 4111111111111111 of 2023-05-01",
        "ISBN 978-3-16-148410-0",
        "https://doi.org/10.1000/4155552671",
        "https://example.com/item/4155552671?v=13812345678",
        "Version 91.120.44.72 is out, see section 41.42.43.44",
        "localhost 127.0.0.1, 10.1.2.3 and 192.0.2.1, fe80::1, 2001:db8::1",
        "1.2.3.4 Title",
        "1987-2023, 01.02.2003, 20230501123000",
        "$1 250 000, 12.500.000 km, 4155552671 EUR",
        "near 52.52, 13.40",
        "follow @joe_doe or joe@localhost, git@github.com:joe/x.git, img@2x.png",
        "4111 1111 1111 1112, DE89 3704 0044 0532 0130 01",
        "1.3 1.7 2.7 2.9 2.1",
        "at 12:30:45 std::vec::Vec",
    ],
)
def test_what_only_looks_like_personal_data_stays(text: str) -> None:
    """Orders, books, links, versions, private ranges, dates, prices, rough places, handles, wrong checksums."""
    assert found(text) == []


def test_language_and_url_decide_where_a_number_is_from() -> None:
    """A number in the form of France is one in French, on a site of France, or with a word for it; not in English."""
    number = "06 12 34 56 78"
    assert found(number, "en") == []
    assert found(number, "fr") == found(number, None, "https://www.site.fr/x") == [("phone", number)]
    assert found("98112201234 x", "en") == []


def test_styles_have_the_same_mask_for_the_same_value(tmp_path: Path) -> None:
    """Placeholders name the kind; hashes depend on the key; fake values are of reserved ranges and are no hits of IPs."""
    key, other = tmp_path / "a.key", tmp_path / "b.key"
    key.write_bytes(b"secret")
    other.write_bytes(b"another")
    assert masked(TEXT) == "Mail <EMAIL>, call <PHONE> or <PHONE>, IP <IP>."
    hashed = masked(TEXT, style="hash", key=str(key))
    assert hashed == masked(TEXT, style="hash", key=str(key)) != masked(TEXT, style="hash", key=str(other))
    assert masked("JOE@corp.example.org", style="hash", key=str(key)) in hashed
    fake = masked(TEXT, style="fake")
    assert "@example.com" in fake
    assert " 555 01" in fake
    assert not found(fake.partition("IP")[2])


def test_values_are_stored_only_where_the_recipe_asks() -> None:
    """Spans have place and kind; with the values the edit can be undone, without them the text stays masked."""
    without = edited(Pii(), batch([TEXT], "en"))
    spans = without.metrics["masked"]
    assert [span["text"] for span in spans[0].as_py()] == [None] * 4
    assert undo(without.columns["text"], spans).equals(without.columns["text"])
    stored = edited(Pii(store_values=True), batch([TEXT], "en"))
    assert undo(stored.columns["text"], stored.metrics["masked"]).to_pylist() == [TEXT]


def test_counts_are_metrics_with_rules() -> None:
    """Each kind is counted, and all of them; the recipe limits either."""
    metrics = edited(Pii(), batch([TEXT], "en")).metrics
    counts = {kind: metrics[kind][0].as_py() for kind in ("items", *KINDS) if metrics[kind][0].as_py()}
    assert counts == {"items": 4, "email": 1, "phone": 2, "ip": 1}
    assert failed(Pii(max_items=3), TEXT, "nothing") == [["many_items"], []]
    assert failed(Pii(max_of_kind={"ip": 0, "phone": 9}), TEXT) == [["many_ip"]]


def test_kinds_are_chosen() -> None:
    """Kinds that the recipe does not choose are not masked, and their packages need not be installed."""
    assert masked(TEXT, kinds=("ip",)) == TEXT.replace("8.8.8.8", "<IP>")
    assert Pii(kinds=("email",)).versions() == {}
    assert set(Pii().versions()) == {"phonenumbers", "python-stdnum"}


def test_errors_name_the_extra_and_the_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A missing package, hashes without a key, an empty key."""
    monkeypatch.setitem(packages.NEEDED, "phone", "no-such-package")
    with pytest.raises(UsageError, match="no-such-package") as error:
        Pii().versions()
    assert "crawl-refinery[pii]" in str(error.value.hint)
    with pytest.raises(ValueError, match="needs a key"):
        Pii(style="hash")
    (tmp_path / "empty").touch()
    with pytest.raises(AssetError, match="0 bytes"):
        Pii(style="fake", key=str(tmp_path / "empty")).check_asset(
            "key", Pii(style="fake", key=str(tmp_path / "empty")).key
        )


def test_hostile_texts_take_linear_time() -> None:
    """Repeated beginnings of candidates, of all shapes."""
    pieces = [
        "a@b.",
        "1 ",
        "+(",
        "1.",
        "a:",
        "AB12 ",
        "-",
        "12.3456 ",
        "-----BEGIN ",
        "PRIVATE KEY-----",
        "x@",
        "4111 ",
    ]
    for piece in pieces:
        assert isinstance(masked(piece * (200_000 // len(piece))), str)


def test_checksums_of_currencies() -> None:
    """Known addresses are valid and none with another letter; the hash is that of the empty text of Ethereum."""
    valid = [
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    ]
    assert all(map(is_coin, valid))
    assert not any(is_coin(address[:9] + ("q" if address[9] == "z" else "z") + address[10:]) for address in valid[:4])
    assert not is_coin(valid[4].replace("5aA", "5Aa"))
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
