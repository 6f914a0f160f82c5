"""Check digits and checksums: Luhn, IBAN, Base58Check, Bech32, EIP-55."""

from __future__ import annotations

from hashlib import sha256

BITCOIN = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
HASH_BYTES = 21
"""Bytes of a version and a hash of 160 bits; two versions of Zcash have one byte more."""
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_ENDS = (1, 0x2BC830A3)
_64 = (1 << 64) - 1


def is_luhn(digits: str) -> bool:
    """Return True if the last digit is Luhn's for the others, and not all are equal."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(doubled) + sum(map(int, digits[-1::-2]))) % 10 == 0 and len({*digits}) > 1


def is_ean(digits: str) -> bool:
    """Return True if the last digit is that of a number of goods (GTIN) for the others."""
    return (3 * sum(map(int, digits[-2::-2])) + sum(map(int, digits[-1::-2]))) % 10 == 0


def is_iban(number: str) -> bool:
    """Return True if an IBAN without blanks has the check digits of ISO 13616."""
    return "02" <= number[2:4] <= "98" and int("".join(str(int(one, 36)) for one in number[4:] + number[:4])) % 97 == 1


def is_coin(address: str) -> bool:
    """Return True for an address of a currency with a valid checksum."""
    if address.startswith("0x"):
        return is_ethereum(address)
    if address.startswith(("bc1", "tb1", "ltc1", "addr1")):
        return is_bech32(address)
    return is_base58(address, RIPPLE if address.startswith("r") else BITCOIN)


def is_base58(address: str, alphabet: str) -> bool:
    """Return True if an address decodes to a hash of 160 bits with its checksum."""
    number = 0
    for letter in address:
        digit = alphabet.find(letter)
        if digit < 0:
            return False
        number = number * 58 + digit
    for size in (HASH_BYTES, HASH_BYTES + 1):
        data = number.to_bytes(40, "big")[-size - 4 :] if number < 1 << 8 * (size + 4) else b""
        if data and sha256(sha256(data[:-4]).digest()).digest()[:4] == data[-4:]:
            return True
    return False


def is_bech32(address: str) -> bool:
    """Return True if an address has the checksum of BIP 173 or BIP 350."""
    prefix, _, rest = address.rpartition("1")
    values = [BECH32.find(letter) for letter in rest]
    if -1 in values:
        return False
    check = 1
    for value in [*(ord(one) >> 5 for one in prefix), 0, *(ord(one) & 31 for one in prefix), *values]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATOR):
            check ^= generator if top >> place & 1 else 0
    return check in _BECH32_ENDS


def is_ethereum(address: str) -> bool:
    """Return True for 40 hexadecimal digits whose capital letters, if there are some, are those of EIP-55."""
    digits = address[2:]
    if len(digits) != 40 or not all(one in "0123456789abcdefABCDEF" for one in digits):
        return False
    if digits in (digits.lower(), digits.upper()):
        return len({*digits}) > 2
    nibbles = keccak256(digits.lower().encode()).hex()
    return all(
        one.isdigit() or (one.isupper() == (int(nibble, 16) >= 8)) for one, nibble in zip(digits, nibbles, strict=False)
    )


def keccak256(data: bytes) -> bytes:
    """Return the hash of the Keccak submission, which Ethereum uses: SHA-3 with another padding. Short data only."""
    rate = 136
    block = data + b"\x01" + bytes(rate - len(data) - 2) + b"\x80" if len(data) < rate - 1 else data + b"\x81"
    lanes = [[0] * 5 for _ in range(5)]
    for place in range(rate // 8):
        lanes[place % 5][place // 5] = int.from_bytes(block[8 * place : 8 * place + 8], "little")
    _keccak_f(lanes)
    return b"".join(lanes[place % 5][place // 5].to_bytes(8, "little") for place in range(4))


def _keccak_f(lanes: list[list[int]]) -> None:
    register = 1
    for _ in range(24):
        columns = [a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4] for a in lanes]
        mixed = [columns[x - 1] ^ _turned(columns[(x + 1) % 5], 1) for x in range(5)]
        for x in range(5):
            lanes[x] = [lane ^ mixed[x] for lane in lanes[x]]
        x, y, current = 1, 0, lanes[1][0]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, lanes[x][y] = lanes[x][y], _turned(current, (step + 1) * (step + 2) // 2 % 64)
        for y in range(5):
            row = [lanes[x][y] for x in range(5)]
            for x in range(5):
                lanes[x][y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5] & _64)
        for bit in range(7):
            register = (register << 1 ^ (register >> 7) * 0x71) % 256
            if register & 2:
                lanes[0][0] ^= 1 << ((1 << bit) - 1)


def _turned(lane: int, bits: int) -> int:
    return (lane << bits | lane >> (64 - bits)) & _64 if bits else lane
