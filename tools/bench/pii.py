"""Time the stage ``pii`` and score it on generated texts in twelve languages, beside presidio and datatrove.

    python tools/bench/pii.py                       # this stage alone
    python tools/bench/pii.py --with presidio --with datatrove

Values are faker's, and of checksums made here; sentences are those of ``pii.toml``, with traps between them. An item
counts as found if something of its kind covers it with at most three further characters. Needs faker.
"""

from __future__ import annotations

import argparse
import json
import random
import string
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from faker import Faker

SENTENCES: Mapping[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
ALNUM, HEX = string.ascii_letters + string.digits, "0123456789abcdef"
IDS = {
    "es": ("nif", "nie"),
    "pt": ("cpf", "ssn"),
    **dict.fromkeys(("en", "fr", "it", "pl", "nl", "zh", "tr"), ("ssn",)),
}
SLACK = 3
KINDS = ("email", "phone", "ip", "iban", "card", "national_id", "crypto", "secret", "mac", "coordinates")


class Item(NamedTuple):
    """Personal data in a text, in characters."""

    start: int
    end: int
    kind: str


class Generated(NamedTuple):
    """A text with what is in it."""

    text: str
    language: str
    items: tuple[Item, ...]


def generated(count: int, seed: int) -> list[Generated]:
    """Return this many texts of each language."""
    chance = random.Random(seed)  # noqa: S311  no cryptography
    Faker.seed(seed)
    fakes = {code: Faker(entry["locale"]) for code, entry in SENTENCES.items()}
    return [_text(code, chance, fakes[code]) for code in SENTENCES for _ in range(count)]


def _text(code: str, chance: random.Random, fake: Any) -> Generated:
    entry = SENTENCES[code]
    kinds = [kind for kind in KINDS if kind != "national_id" or code in IDS]
    text, items = "", []
    for kind in chance.sample(kinds, 4):
        parts: list[tuple[str, str]] = [(chance.choice(entry["filler"]), "")]
        parts.append((chance.choice(entry["traps"]).format(**_traps(chance, fake)), ""))
        sentence = chance.choice([*entry.get(kind, ()), *entry.get(kind, ()), *entry["any"]])
        parts.append((sentence, kind))
        chance.shuffle(parts)
        for part, wanted in parts:
            before, hole, after = part.partition("{}") if wanted else (part, "", "")
            text += before
            if hole:
                value = value_of(kind, code, chance, fake)
                items.append(Item(len(text), len(text) + len(value), kind))
                text += value
            text += after + ("\n" if hole and not after else chance.choice(["\n", "" if code in {"ja", "zh"} else " "]))
    return Generated(text, code, tuple(items))


def _traps(chance: random.Random, fake: Any) -> dict[str, str]:
    number = "".join(chance.choices(string.digits, k=chance.choice([8, 9, 10, 11, 12, 16])))
    year, month, day = chance.randint(1950, 2026), chance.randint(1, 12), chance.randint(1, 28)
    return {
        "order": chance.choice([number, f"{number[:3]}-{number[3:]}", f"{number[:4]}-{number[4:8]}"]),
        "version": ".".join(str(chance.randint(0, 20)) for _ in range(4)),
        "section": ".".join(str(chance.randint(1, 12)) for _ in range(4)),
        "date": chance.choice([f"{year}-{month:02}-{day:02}", f"{day:02}.{month:02}.{year}", f"{month}/{day}/{year}"]),
        "isbn": fake.isbn13(),
        "doi": f"10.{chance.randint(1000, 9999)}/{number}",
        "price": chance.choice(["1,299.00", "12 500", "1.249.900", f"{chance.randint(1, 999)}.99"]),
        "coarse": f"{chance.uniform(-90, 90):.2f}, {chance.uniform(-180, 180):.2f}",
        "handle": f"@{fake.user_name()}",
        "digits": number,
    }


def value_of(kind: str, code: str, chance: random.Random, fake: Any) -> str:
    """Return a value of a kind."""
    if kind == "national_id":
        return str(getattr(fake, chance.choice(IDS[code]))())
    if kind == "phone":
        return str(fake.phone_number())
    if kind == "card":
        number = str(fake.credit_card_number())
        return chance.choice([number, _in_fours(number)]) if len(number) == 16 else number
    if kind == "iban":
        number = str(fake.iban())
        return chance.choice([number, _in_fours(number)])
    own: Mapping[str, Callable[[], Any]] = {
        "email": getattr(fake, chance.choice(["email", "company_email", "free_email"])),
        "ip": lambda: chance.choice([fake.ipv4_public(), _ipv6(fake)]),
        "crypto": partial(_coin, chance),
        "secret": partial(_secret, chance),
        "mac": lambda: chance.choice([fake.mac_address(), fake.mac_address().upper().replace(":", "-")]),
        "coordinates": lambda: f"{chance.uniform(-90, 90):.6f}, {chance.uniform(-180, 180):.6f}",
    }
    return str(own[kind]())


def _in_fours(number: str) -> str:
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def _ipv6(fake: Any) -> str:
    while True:
        found = fake.ipv6()
        if not found.startswith(("0", "f", "100:", "2001:db8")):
            return str(found)


def _some(chance: random.Random, alphabet: str, size: int) -> str:
    return "".join(chance.choices(alphabet, k=size))


def _secret(chance: random.Random) -> str:
    return chance.choice(
        [
            f"AKIA{_some(chance, string.ascii_uppercase + '234567', 16)}",
            f"ghp_{_some(chance, ALNUM, 36)}",
            f"sk_live_{_some(chance, ALNUM, 24)}",
            f"xoxb-{_some(chance, string.digits, 12)}-{_some(chance, string.digits, 12)}-{_some(chance, ALNUM, 24)}",
            f"AIza{_some(chance, ALNUM + '-_', 34)}9",
            f"glpat-{_some(chance, ALNUM, 20)}",
            f"npm_{_some(chance, ALNUM, 36)}",
            f"SG.{_some(chance, ALNUM, 22)}.{_some(chance, ALNUM, 43)}",
            f"hf_{_some(chance, ALNUM, 34)}",
            f"eyJhbGciOiJIUzI1NiJ9.eyJ{_some(chance, ALNUM, 30)}.{_some(chance, ALNUM, 43)}",
        ]
    )


def _coin(chance: random.Random) -> str:
    kind = chance.choice(["base58", "bech32", "ethereum"])
    if kind == "ethereum":
        return f"0x{_some(chance, HEX, 40)}"
    data = bytes(chance.getrandbits(8) for _ in range(20))
    if kind == "bech32":
        return _bech32(data)
    payload = bytes([chance.choice([0, 5])]) + data
    whole = payload + sha256(sha256(payload).digest()).digest()[:4]
    number, digits = int.from_bytes(whole, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = BASE58[digit] + digits
    return "1" * (len(whole) - len(whole.lstrip(b"\0"))) + digits


def _bech32(data: bytes) -> str:
    bits = "".join(f"{byte:08b}" for byte in data)
    values = [0, *(int(bits[at : at + 5], 2) for at in range(0, 160, 5))]
    prefix = [ord(one) >> 5 for one in "bc"] + [0] + [ord(one) & 31 for one in "bc"]
    check = 1
    for value in [*prefix, *values, *[0] * 6]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> place & 1 else 0
    check ^= 1
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    return "bc1" + "".join(
        alphabet[value] for value in [*values, *(check >> 5 * (5 - place) & 31 for place in range(6))]
    )


# ------------------------------------------------------------------------------------------------------------- finders

Finder = Callable[[Sequence[str], Sequence[str]], list[list[Item]]]


def refinery_finder() -> Finder:
    """Return what the stage masks, in characters."""
    import pyarrow as pa  # imported here: other finders need neither

    from refinery import Docs
    from refinery.stages.pii import Pii

    stage = Pii()

    def find(texts: Sequence[str], languages: Sequence[str]) -> list[list[Item]]:
        batch = pa.record_batch([pa.array(texts), pa.array(languages)], names=["text", "lang"])
        masked = stage.edit(Docs(batch)).metrics["masked"].to_pylist()
        return [list(_items(text.encode(), spans)) for text, spans in zip(texts, masked, strict=True)]

    return find


def _items(data: bytes, spans: Sequence[Mapping[str, Any]]) -> Iterator[Item]:
    for span in spans:
        start = len(data[: span["offset"]].decode())
        value = data[span["offset"] : span["offset"] + span["length"]].decode()
        yield Item(start, start + len(value), span["reason"])


PRESIDIO = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "IP_ADDRESS": "ip",
    "IBAN_CODE": "iban",
    "CREDIT_CARD": "card",
    "CRYPTO": "crypto",
    "MAC_ADDRESS": "mac",
    **dict.fromkeys(("US_SSN", "ES_NIF", "ES_NIE", "IT_FISCAL_CODE", "PL_PESEL", "TR_NATIONAL_ID"), "national_id"),
}
RECOGNISERS = ("CreditCard", "Crypto", "Email", "Iban", "Ip", "MacAddress", "Phone", "UsSsn", "EsNif", "EsNie")
ITS_OTHERS = ("ItFiscalCode", "PlPesel", "TrNationalId")
LEAST_SCORE = 0.3


def presidio_finder() -> Finder:
    """Return what presidio's pattern recognisers find, without a language model: all of them for every language."""
    from presidio_analyzer import predefined_recognizers as own

    recognisers = [getattr(own, f"{name}Recognizer")() for name in (*RECOGNISERS, *ITS_OTHERS)]

    def find(texts: Sequence[str], languages: Sequence[str]) -> list[list[Item]]:
        del languages
        found = []
        for text in texts:
            results = [each for one in recognisers for each in one.analyze(text, one.supported_entities, None) or ()]
            results = [each for each in results if each.score >= LEAST_SCORE and each.entity_type in PRESIDIO]
            found.append([Item(each.start, each.end, PRESIDIO[each.entity_type]) for each in results])
        return found

    return find


def datatrove_finder() -> Finder:
    """Return what datatrove's PIIFormatter replaces, by its own patterns."""
    from datatrove.pipeline.formatters import PIIFormatter

    formatter = PIIFormatter()
    kinds = {"email": formatter.emails_replacer, "ip": formatter.ip_replacer}

    def find(texts: Sequence[str], languages: Sequence[str]) -> list[list[Item]]:
        del languages
        return [
            [
                Item(match.start(), match.end(), kind)
                for kind, replacer in kinds.items()
                for match in replacer.regex.finditer(text)
                if replacer.validator is None or replacer.validator(match[0])
            ]
            for text in texts
        ]

    return find


FINDERS = {"refinery": refinery_finder, "presidio": presidio_finder, "datatrove": datatrove_finder}


def scores(texts: Sequence[Generated], found: Sequence[Sequence[Item]]) -> dict[str, Counter[str]]:
    """Return the items that were found, missed, and what was found without being there, by kind."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for text, items in zip(texts, found, strict=True):
        left = list(items)
        for item in text.items:
            hit = next((each for each in left if covers(each, item)), None)
            counts[item.kind]["found" if hit else "missed"] += 1
            if hit:
                left.remove(hit)
        for each in left:
            counts[each.kind]["false"] += 1
    return counts


def covers(each: Item, item: Item) -> bool:
    """Return True if something found is the item."""
    inside = each.start <= item.start and item.end <= each.end
    return each.kind == item.kind and inside and (each.end - each.start) - (item.end - item.start) <= SLACK


def f1(counts: Mapping[str, int]) -> float:
    """Return the harmonic mean of precision and recall."""
    right = 2 * counts.get("found", 0)
    return right / max(right + counts.get("missed", 0) + counts.get("false", 0), 1)


def main() -> None:
    """Print F1 by kind and microseconds a text of 2.4 KB; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--with", dest="others", action="append", default=[], choices=sorted(FINDERS), help="compare")
    parser.add_argument("--texts", type=int, default=200, help="texts of a language (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="of the generator (default 1)")
    parser.add_argument("--only", choices=sorted(FINDERS), help="this finder alone, where refinery is not installed")
    parser.add_argument("--misses", action="store_true", help="print what was missed, and what is not there")
    options = parser.parse_args()
    texts = generated(options.texts, options.seed)
    size = sum(len(text.text.encode()) for text in texts)
    figures: dict[str, Any] = {}
    for name in [options.only] if options.only else ["refinery", *options.others]:
        find = FINDERS[name]()
        find([text.text for text in texts[:50]], [text.language for text in texts[:50]])
        started = time.process_time()
        found = find([text.text for text in texts], [text.language for text in texts])
        seconds = time.process_time() - started
        counts = scores(texts, found)
        by_kind = {kind: round(f1(counts[kind]), 4) for kind in KINDS}
        figures[name] = {"f1": by_kind, "us": round(1e6 * seconds / size * 2400, 1)}
        row = "  ".join(f"{kind} {value:.3f}" for kind, value in by_kind.items())
        print(f"{name}: {row}  {figures[name]['us']:.0f} us a 2.4 KB of these texts")
        if options.misses:
            _print_misses(texts, found)
    print(json.dumps(figures))


def _print_misses(texts: Sequence[Generated], found: Sequence[Sequence[Item]]) -> None:
    for text, items in zip(texts, found, strict=True):
        for sign, some, others in (("missed", text.items, items), ("false", items, text.items)):
            for item in some:
                if not any(covers(each, item) or covers(item, each) for each in others):
                    near = text.text[max(0, item.start - 30) : item.end + 10].replace("\n", "|")
                    print(f"{sign}\t{item.kind}\t{text.language}\t{text.text[item.start : item.end]}\t{near}")


if __name__ == "__main__":
    main()
