"""Bytes to text: which encoding, and what if it is the wrong one."""

from __future__ import annotations

import codecs
import time

import pytest
from hypothesis import given, settings, strategies as st

from refinery.kernels import decoded, header_label
from refinery.kernels.reference.labels import decoder, meta_label

RUSSIAN = "<p>Съешь же ещё этих мягких французских булок, да выпей чаю</p>"
UKRAINIAN = "<p>Щастям б'єш жук їх глицю в фон й ґедзь пріч. Комітет зібрався у вівторок, щоб обговорити міст.</p>"
GERMAN = "<p>Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich, für immer und überall</p>"
JAPANESE = "<p>いろはにほへと ちりぬるを わかよたれそ つねならむ うゐのおくやま けふこえて</p>"
CHINESE = "<p>视野无限广，窗外有蓝天。微风迎客，软语伴茶。</p>"
KOREAN = "<p>다람쥐 헌 쳇바퀴에 타고파. 키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다.</p>"


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("utf-8", "utf-8"),
        ("UTF8", "utf-8"),
        ("iso-8859-1", "cp1252"),
        ("US-ASCII", "cp1252"),
        ("latin1", "cp1252"),
        ("iso-8859-9", "cp1254"),
        ("gb2312", "gb18030"),
        ("GBK", "gb18030"),
        ("big5", "big5hkscs"),
        ("shift_jis", "cp932"),
        ("x-sjis", "cp932"),
        ("euc-kr", "cp949"),
        ("ks_c_5601-1987", "cp949"),
        ("tis-620", "cp874"),
        ("utf-16", "utf-16-le"),
        ("windows1251", "cp1251"),
        ("x-mac-cyrillic", "mac-cyrillic"),
        ("maccentraleurope", "mac-latin2"),
    ],
)
def test_labels_mean_what_the_web_means_by_them(label: str, codec: str) -> None:
    assert decoder(label) == codec
    assert codecs.lookup(codec).encode("a")[1] == 1


@pytest.mark.parametrize(
    "label", ["", "nonsense", "utf-7", "idna", "hex", "undefined", "a\0b", "x" * 100, "..", "zlib", "é"]
)
def test_labels_of_no_character_set_mean_nothing(label: str) -> None:
    assert decoder(label) == ""


def test_the_label_is_found_in_the_header() -> None:
    fields = ["text/html; charset=UTF-8", "text/html;Charset = 'utf-8'", 'x; charset="a b"', "text/html", "charset="]
    assert [header_label(field) for field in fields] == ["UTF-8", "utf-8", "a", "", ""]


@pytest.mark.parametrize(
    ("head", "label"),
    [
        (b"<meta charset=koi8-r>", "koi8-r"),
        (b"<META CHARSET='koi8-r' >", "koi8-r"),
        (b'<meta http-equiv="Content-Type" content="text/html; charset=koi8-r"/>', "koi8-r"),
        (b"<meta name=a><meta content='x' charset = \"koi8-r\">", "koi8-r"),
        (b"<!-- <meta charset=utf-8> --><meta charset=koi8-r>", "koi8-r"),
        (b"<!-- <meta charset=utf-8>", ""),
        (b'<?xml version="1.0" encoding="koi8-r"?><html>', "koi8-r"),
        (b"<script>charset=koi8-r</script>", ""),
        (b" " * 20_000 + b"<meta charset=koi8-r>", ""),
        (b"", ""),
        (b'<meta charSet="koi8-r"/>', "koi8-r"),
        (b"<meta/charset=koi8-r>", "koi8-r"),
        (b"<meta charset=' koi8-r;'>", "koi8-r"),
        (b"<meta charset=koi8-r charset=big5>", "koi8-r"),
        (b"<meta charset=koi8-r http-equiv=content-type content='text/html; charset=big5'>", "koi8-r"),
        (b"<meta charset=no-such><meta charset=''><meta charset=koi8-r>", "koi8-r"),
        (b"<meta http-equiv=refresh content='5; charset=koi8-r'>", ""),
        (b"<meta name=charset content=koi8-r><meta data-charset=koi8-r><metas charset=koi8-r>", ""),
        (b"<meta charset=koi8-r", "koi8-r"),
        (b"<meta content='" + b"x" * 5_000 + b"' charset=koi8-r>", "koi8-r"),
        (b"<!--><meta charset=koi8-r>", "koi8-r"),
        (b"<!---><meta charset=koi8-r>", "koi8-r"),
    ],
)
def test_the_label_is_found_in_the_page(head: bytes, label: str) -> None:
    assert meta_label(head) == label


ELSEWHERE = [
    *('<p title="%s">', "<p title='>%s'>", "<!-- > %s -->", "<script>var a = '%s'</script>", "<STYLE>a>b{%s}</Style >"),
    *("<meta property='og:description' content='%s charset=big5'>", '<meta name=x content="charset=big5 %s">'),
]


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_a_label_that_is_no_meta_elements_is_not_heard(elsewhere: str) -> None:
    other = (elsewhere % "<meta charset=big5>").encode()
    assert meta_label(other) == ""
    assert meta_label(other + b"<meta charset=koi8-r>") == "koi8-r"
    page = other + b"<meta charset=koi8-r>" + RUSSIAN.encode("koi8-r")
    assert decoded(page, "").utf8 == page.decode("koi8-r").encode()


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "cp1251"),
        (GERMAN, "cp1252"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        (CHINESE, "gb18030"),
        (KOREAN, "cp949"),
        (GERMAN, "utf-16-le"),
    ],
)
def test_a_header_that_tells_the_truth_is_followed(text: str, codec: str) -> None:
    found = decoded(text.encode(codec), codec)
    assert (found.utf8.decode(), found.charset, found.source, found.broken) == (text, codec, "header", 0)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("header", ["", "utf-8", "iso-8859-1", "utf-16"])
@pytest.mark.parametrize("text", [RUSSIAN, GERMAN, CHINESE, f"\r\n {JAPANESE}", f"<!DOCTYPE html>{KOREAN}"])
def test_utf_16_is_read_without_a_mark(text: str, header: str, codec: str) -> None:
    page = f"<html><head><title>x</title></head><body class='a'>{text}</body></html>" if text[0] == "<" else text
    found = decoded(page.encode(codec), header)
    assert (found.utf8.decode(), found.charset, found.nuls) == (page, codec, 0)


def test_zero_bytes_between_letters_do_not_make_a_page_utf_16() -> None:
    found = decoded(b"<\0p\0>x\0" * 100, "")
    assert (found.utf8, found.charset) == (b"<p>x" * 100, "utf-8")


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (RUSSIAN, "koi8-r"),
        (UKRAINIAN, "koi8-u"),
        (UKRAINIAN, "cp1251"),
        (RUSSIAN, "cp1251"),
        (GERMAN, "cp1252"),
        (JAPANESE, "cp932"),
        (CHINESE, "gb18030"),
        (KOREAN, "cp949"),
    ],
)
@pytest.mark.parametrize("label", ["", "utf-8", "nonsense"])
def test_an_encoding_that_is_not_named_or_named_wrongly_is_detected(text: str, codec: str, label: str) -> None:
    found = decoded(text.encode(codec) * 3, label)
    assert (found.utf8.decode(), found.source) == (text * 3, "detector")


@pytest.mark.parametrize("label", ["", "iso-8859-1", "windows-1251", "gb2312", "shift_jis"])
def test_utf8_is_read_as_utf8_whatever_it_is_labelled(label: str) -> None:
    for text in (RUSSIAN, GERMAN, JAPANESE):
        found = decoded(text.encode(), label)
        assert (found.utf8.decode(), found.charset, found.source) == (text, "utf-8", "content")


@pytest.mark.parametrize("label", ["", "iso-2022-jp", "utf-8", "shift_jis", "iso-8859-1"])
def test_seven_bits_that_are_japanese_are_read_as_such_whatever_they_are_labelled(label: str) -> None:
    page = f"<title>日本</title>{JAPANESE}"
    found = decoded(page.encode("iso2022_jp"), label)
    assert (found.utf8.decode(), found.charset, found.broken) == (page, "iso2022_jp", 0)
    assert decoded(page.encode("iso2022_jp")[: -len("</p>") - 3], label).utf8.decode() == page[: -len("</p>")]
    kana = page.encode("iso2022_jp") + b"\x1b(I123\x1b(J\\\x1b(B"
    assert decoded(kana, label).utf8.decode() == page + "ｱｲｳ¥"


@pytest.mark.parametrize(
    "page",
    ["<p>\x1b[1mbold\x1b[0m", "<p>\x1b$B words that go on", "\x1b$", "<p>\x1b$)C", "<p>$B$3 \x1b(B", "\x1b$B !!\x1b(B"],
)
@pytest.mark.parametrize("label", ["", "utf-8", "iso-8859-1"])
def test_other_escape_sequences_stay_as_they_are(page: str, label: str) -> None:
    assert decoded(page.encode(), label).utf8.decode() == page


JIS_ROWS = range(94)
SHIFT_JIS = [
    bytes([lead, trail])
    for lead in (*range(0x81, 0xA0), *range(0xE0, 0xF0))
    for trail in (*range(0x40, 0x7F), *range(0x80, 0xFD))
]
"""What JIS X 0208 has, row after row."""


@pytest.mark.parametrize("row", JIS_ROWS)
def test_japanese_has_the_characters_of_all_three_encodings_in_each(row: int) -> None:
    """Those of NEC and IBM too, which the other two had only in practice."""
    wanted, packed = "", b""
    for cell, code in enumerate(SHIFT_JIS[row * 94 : row * 94 + 94]):
        character = code.decode("cp932", "replace")
        if "\ufffd" not in character:
            wanted += character
            packed += bytes([row + 0xA1, cell + 0xA1])
    seven = bytes(byte & 0x7F for byte in packed)
    around = "<p>" + "あ" * 800
    pages = {
        "euc-jp": around.encode("euc_jp") + packed,
        "iso-2022-jp": around.encode("iso2022_jp") + b"\x1b$B" + seven + b"\x1b(B",
    }
    for label, page in pages.items():
        found = decoded(page, label)
        text = found.utf8.decode().removeprefix(around).translate(str.maketrans("〜‖−¢£¬", "～∥－￠￡￢"))
        assert (text, found.broken) == (wanted, 0)


def test_chinese_has_the_euro_sign_of_windows() -> None:
    page = CHINESE.encode("gbk") + b"\x80 5"
    assert decoded(page, "gb2312").utf8.decode() == CHINESE + "€ 5"
    assert decoded(page.replace(b"\x80", b"\xff"), "gb2312").broken == 1


POLISH = "<p>Zażółć gęślą jaźń, powiedział Łukasz, i wszyscy się z nim zgodzili, choć nikt nie wiedział dlaczego.</p>"
LATVIAN = "<p>Glāžšķūņu rūķīši dzērumā čiepj Baha koncertflīģeļu vākus, un neviens to vairs nedzird.</p>"
TURKISH = "<p>Pijamalı hasta yağız şoföre çabucak güvendi, ama yolculuğun sonunda bütün eşyasını yitirdi.</p>"
ALBANIAN = "<p>Të gjithë njerëzit lindin të lirë dhe të barabartë në dinjitet dhe në të drejta, sepse është e tyre.</p>"
THAI = "<p>เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน</p>"
BY_LETTERS = [
    (POLISH, "cp1250"),
    (POLISH, "iso8859-2"),
    (LATVIAN, "cp1257"),
    (TURKISH, "cp1254"),
    (ALBANIAN, "cp1252"),
    (RUSSIAN, "cp1251"),
    (RUSSIAN, "koi8-r"),
    (RUSSIAN, "cp866"),
    (RUSSIAN, "iso8859-5"),
    (THAI, "cp874"),
]


@pytest.mark.parametrize(("text", "codec"), BY_LETTERS)
@pytest.mark.parametrize("header", ["", "utf-8", "iso-8859-1"])
def test_a_charset_of_single_bytes_is_detected_by_its_letters(text: str, codec: str, header: str) -> None:
    """Also where the server declares the default, because that may be no more than its default."""
    page = f"<html><body>{text}" * 3
    assert decoded(page.encode(codec), header).utf8.decode() == page


@pytest.mark.parametrize(
    ("text", "codec"), [*BY_LETTERS, (JAPANESE, "euc_jp"), (CHINESE, "gb18030"), (KOREAN, "cp949")]
)
def test_the_page_outdoes_the_default_of_its_server_where_its_letters_agree(text: str, codec: str) -> None:
    """The charset in the page is taken before a declared iso-8859-1 if detection finds it as well."""
    page = f"<meta charset={codec.replace('cp874', 'tis-620').replace('cp12', 'windows-12')}>{text}" * 2
    assert decoded(page.encode(codec), "iso-8859-1").utf8.decode() == page


@pytest.mark.parametrize(
    "text", [GERMAN, ALBANIAN, "<p>Ça a été créé à l'île d'Oléron, où l'œuvre naît.</p>", "<p>5 £ \x95 x"]
)
@pytest.mark.parametrize("page", ["{}", "<meta charset=windows-1250>{}", "<meta charset=utf-8>{}"])
def test_a_true_default_is_followed(text: str, page: str) -> None:
    """Whatever the page says."""
    data = page.format(text).encode("cp1252", "ignore")
    assert decoded(data, "iso-8859-1").utf8.decode() == data.decode("cp1252")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_letters_with_a_zero_byte_are_utf_16_too(codec: str) -> None:
    """As in 一 (U+4E00), က (U+1000), 가 (U+AC00)."""
    page = "<html><p>" + "一က가最" * 200
    assert decoded(page.encode(codec), "").utf8.decode() == page


def test_utf8_with_a_broken_character_stays_utf8() -> None:
    found = decoded(RUSSIAN.encode()[:-5] + b"</p>", "windows-1251")
    assert (found.charset, found.broken) == ("utf-8", 1)


def test_a_mark_outdoes_the_header_which_outdoes_the_page() -> None:
    page = ("<meta charset=koi8-r>" + RUSSIAN).encode("cp1251")
    assert decoded(page, "windows-1251").charset == "cp1251"
    assert decoded(page, "").charset == "koi8-r"
    for mark, codec in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        found = decoded(mark + RUSSIAN.encode(codec), "windows-1251")
        assert (found.utf8.decode(), found.charset, found.source) == (RUSSIAN, codec, "bom")


def test_a_mark_before_text_in_another_encoding_is_not_believed() -> None:
    assert decoded(codecs.BOM_UTF8 + GERMAN.encode("cp1252"), "").utf8.decode() == GERMAN


def test_a_few_typographic_signs_are_windows_1252() -> None:
    for text in ("It\x92s", "\x93quoted\x94", "a \x96 b", "caf\xe9"):
        found = decoded(text.encode("latin-1"), "")
        assert found.utf8.decode() == text.encode("latin-1").decode("cp1252")


def test_a_page_cannot_call_itself_utf16_in_ascii() -> None:
    assert decoded(b"<meta charset=utf-16>abc", "").charset == "utf-8"
    assert decoded(b"<p>even", "utf-16").utf8 == b"<p>even"


def test_nul_characters_are_dropped_and_counted() -> None:
    found = decoded(b"a\0b\0", "utf-8")
    assert (found.utf8, found.nuls, found.junk) == (b"ab", 2, 0)


def test_utf16_without_a_mark_is_still_text_where_it_is_ascii() -> None:
    assert decoded("<p>plain</p>".encode("utf-16-le"), "").utf8 == b"<p>plain</p>"


def test_bytes_that_are_no_text_are_counted() -> None:
    found = decoded(bytes(range(256)) * 20, "")
    assert found.junk * 10 > len(found.utf8) / 2


@pytest.mark.parametrize(
    "piece", [b"<!--", b"<", b"<script ", b"<style></style", b"&", b"&aaaaaaa", b"\xe9", b"\xe9\xe9\xe9\xe9 "]
)
def test_markup_that_never_ends_is_read_once(piece: bytes) -> None:
    """A million bytes of it take well under a second."""
    start = time.process_time()
    assert decoded(piece * (1_000_000 // len(piece)) + b"\xe9", "iso-8859-1").broken == 0
    assert time.process_time() - start < 3


@settings(max_examples=300)
@given(
    st.binary(max_size=400),
    st.sampled_from(
        ["", "utf-8", "iso-8859-1", "gb2312", "big5", "utf-16", "iso-2022-jp", "hz-gb-2312", "koi8-r", "x"]
    ),
)
def test_any_bytes_become_utf8_without_nul(data: bytes, label: str) -> None:
    found = decoded(data, label)
    assert "\0" not in found.utf8.decode()
    assert found.junk >= found.broken >= 0


@given(st.text(max_size=200))
def test_text_in_utf8_comes_back(text: str) -> None:
    text = text.replace("\0", "").removeprefix("\ufeff")
    assert decoded(text.encode(), "utf-8").utf8.decode() == text
