"""Laws of the line-wise corrections: what goes, what stays, and that every cut can be undone."""

from __future__ import annotations

import dataclasses
import re
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.kernels import SPANS, LineRules, correct_lines, undo, with_cut
from refinery.kernels.reference.linewise import BREAK, CORRECTIONS, KINDS
from refinery.stage.documents import PROTECTED

RULES = LineRules(
    start=("sign-in", "sign in", "sign in or register", "login"),
    end=("read more", "learn more"),
    anywhere=("items in cart", "view cart", "cookies"),
    counted=("like", "likes", "views"),
)
JUNK = LineRules(counted=RULES.counted)

LINES = st.sampled_from(
    [
        "",
        "\t",
        "  indented  words \r",
        "some plain words here",
        "été à la plage",
        "日本 語",
        "NOT QUIET AT ALL",
        "Half OF IT",
        "1,234 / 5",
        "- - -",
        "♥ 1.2K views",
        "7 views a day",
        "Word",
        "Read more…",
        "the story goes on. Read more...",
        "a b c d e f g h i j read more",
        "Sign in or register now",
        "Sign in | all the news",
        "Log in & read more",
        "3 items in cart",
        "view view cart cart",
        "Login | view cart | read more »",
        "we like cookies and cake",
    ]
)
PLAIN = st.lists(LINES, max_size=12).map("\n".join) | st.text(alphabet="aA1 .\n\u2028é日", max_size=40)
TEXTS = PLAIN | st.text()


def corrected(text: str | None, rules: LineRules = RULES) -> dict[str, object]:
    row: dict[str, object] = correct_lines(pa.array([text], pa.string()), rules).to_pylist()[0]
    return row


@given(st.lists(TEXTS, max_size=4))
@settings(max_examples=150)
def test_every_edit_can_be_undone(texts: list[str]) -> None:
    """The removed spans put back give the text before, byte for byte."""
    before = pa.array(texts, pa.string())
    edited = correct_lines(before, RULES)
    assert edited.schema == CORRECTIONS
    assert undo(edited.column("text"), edited.column("removed")).equals(before)
    assert undo(before, with_cut(edited.column("removed"), cut=False)).equals(before)


@given(TEXTS)
@settings(max_examples=150)
def test_spans_are_what_stood_there(text: str) -> None:
    """A span's offset and length are UTF-8 bytes of the text before, and its text is what they hold; none overlap."""
    data = text.encode()
    end = 0
    for span in corrected(text)["removed"]:  # type: ignore[attr-defined]
        assert end <= span["offset"]
        end = span["offset"] + span["length"]
        assert data[span["offset"] : end] == span["text"].encode()
        assert span["reason"] in {*KINDS, BREAK}


@given(TEXTS)
@settings(max_examples=150)
def test_correcting_twice_changes_nothing_more(text: str) -> None:
    """No rule applies to a corrected text, not even to lines that an edit has exposed."""
    once = corrected(text)["text"]
    again = corrected(str(once))
    assert again["text"] == once
    assert again["flagged_words"] == 0


@given(TEXTS)
@settings(max_examples=100)
def test_shares_are_of_the_words_before(text: str) -> None:
    """``removed_words`` counts words before less words after; flagged lines hold at least the removed words."""
    row = corrected(text)
    before, after = len(text.split()), len(str(row["text"]).split())
    assert row["removed_words"] == ((before - after) / before if before else 0)
    assert row["removed_words"] <= row["flagged_words"] <= 1  # type: ignore[operator]


@given(TEXTS.map(lambda text: re.sub(r"\n{3,}", "\n\n", text)))
@settings(max_examples=100)
def test_no_long_runs_of_newlines_appear(text: str) -> None:
    """A discarded paragraph leaves one blank line behind, and none at an end of the text that had none."""
    after = str(corrected(text)["text"])
    assert "\n\n\n" not in after
    assert not after.startswith("\n") or text.startswith("\n")
    assert not after.endswith("\n") or text.endswith("\n")


def is_junk(line: str) -> bool:
    letters = [c for c in line if unicodedata.category(c).startswith("L")]
    return (
        2 * sum(unicodedata.category(c) == "Lu" for c in letters) > len(letters)
        or re.fullmatch(r"[\s.,:/%$€-]*\d[\s.,:/%$€\d-]*", line) is not None
        or re.fullmatch(r"\W*\d[\d.,]*[kmb]?\s+(likes?|views)\W*", line.lower()) is not None
        or re.fullmatch(r"\s*\S+\s*", line) is not None
    )


@given(PLAIN)
@settings(max_examples=150)
def test_discarded_lines_equal_the_oracle(text: str) -> None:
    """Without phrases, the lines that stay are those that no regular expression calls junk, unchanged and in order."""
    after = str(corrected(text, JUNK)["text"])
    assert [line for line in after.split("\n") if line.split()] == [
        line for line in text.split("\n") if line.split() and not is_junk(line)
    ]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("ABOUT US", "uppercase"),
        ("ÜBER UNS ja", "uppercase"),
        ("Home PAGE", "uppercase"),
        ("12", "numeric"),
        ("1 - 2 / 3", "numeric"),
        ("$ 1,234.50 - 99 %", "numeric"),
        ("٣ ٤", "numeric"),
        ("3 likes", "counter"),
        ("1 Like", "counter"),
        ("1.2K Views", "counter"),
        ("♥ +1,234 likes!", "counter"),
        ("Conclusion", "one_word"),
        ("***", "one_word"),
    ],
)
def test_junk_lines_are_discarded(line: str, kind: str) -> None:
    """A junk line goes with its newline and is counted under its kind."""
    row = corrected(f"Some words before.\n{line}\nSome words after.")
    assert row["text"] == "Some words before.\nSome words after."
    assert {name: row[f"{name}_lines"] for name in KINDS} == {**dict.fromkeys(KINDS, 0), kind: 1}
    assert row["removed"] == [
        {"offset": 19, "length": len(line.encode()) + 1, "reason": kind, "text": line + "\n", "cut": True},
    ]


@pytest.mark.parametrize(
    "line",
    [
        "Half OF it",
        "日本 語",
        "- - -",
        "3 likes in a day",
        "likes 3",
        "some 3 likes",
        "3 apples",
        "ten items in a cart",
        "Please do read more books.",
        "nothing more to read moreover",
        "assign in time",
        "a b c d e f g h i read more...",
    ],
)
def test_other_lines_stay(line: str) -> None:
    """Half uppercase, marks only, a counter inside a sentence, a phrase inside a word or in eleven words: all stay."""
    assert corrected(line)["text"] == line


@pytest.mark.parametrize(
    ("line", "after", "kind"),
    [
        ("Sign-in: all the news", "all the news", "start"),
        ("SIGN IN | all the news", "all the news", "start"),
        ("Sign in or register » all the news", "all the news", "start"),
        ("| Login | all the news", "all the news", "start"),
        ("The story goes on. Read more...", "The story goes on.", "end"),
        ("The story goes on. Read more…", "The story goes on.", "end"),
        ("The story goes on (read more)", "The story goes on", "end"),
        ("The story goes on. Read more . . .", "The story goes on.", "end"),
        ('"The story goes on." Read more', '"The story goes on."', "end"),
        ("The story goes on | READ MORE »", "The story goes on", "end"),
        ("  the story\tgoes on!  read more \r", "  the story\tgoes on! \r", "end"),
        ("a b c d e f g h. read more", "a b c d e f g h.", "end"),
        ("3 May 2018 read more", "3 May 2018", "end"),
        ("You have 3 items in cart. Please pay", "You have 3 Please pay", "anywhere"),
        ("été à la. View cart: plage", "été à la. plage", "anywhere"),
        ("now. view (view cart) cart. pay", "now. pay", "anywhere"),
    ],
)
def test_phrases_are_cut_from_short_lines(line: str, after: str, kind: str) -> None:
    """A phrase that stands alone is cut with its marks and one side's white space, whatever its case and dots."""
    row = corrected(line)
    assert row["text"] == after
    assert row[f"{kind}_lines"] == 1


@pytest.mark.parametrize(
    "line",
    [
        "Visit MasTec's website to learn more.",
        "Login & create a new user",
        "Login shell",
        "Sign in to see the price",
        "Sign-in, then read on",
        "Want to learn more?",
        "In 3 steps, learn more",
        "Sign in 2 minutes before",
        "You have 3 items in cart, please pay",
        "we like cookies and cake",
        "no view cart: plage",
    ],
)
def test_parts_of_sentences_stay(line: str) -> None:
    """A phrase stays where other words go on before or after it without a delimiter."""
    assert corrected(line)["text"] == line


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Read more…", "end"),
        ("» Read more", "end"),
        ("Sign in", "start"),
        ("3 items in cart", "numeric"),
        ("Sign in - Home", "one_word"),
        ("Sign in: 3 likes", "counter"),
        ("Login | view cart | read more »", "start"),
    ],
)
def test_a_line_of_which_nothing_or_junk_is_left_goes(line: str, kind: str) -> None:
    """A line that its edit leaves empty, or exposes as junk, is discarded as a whole, for one reason."""
    row = corrected(f"{line}\nSome words after.")
    assert row["text"] == "Some words after."
    assert [row[f"{name}_lines"] for name in KINDS] == [int(name == kind) for name in KINDS]


COUNTERS = LineRules(counted=("likes", "me gusta", "댓글 #개", "Comments (#)", "#件", "Просмотров: # тыс.", "k"))


@pytest.mark.parametrize(
    "line",
    [
        *(
            "3 me gusta",
            "1 234 567 likes",
            "12 345 me gusta",
            "댓글 3개",
            "댓글 1,234개!",
            "comments (3)",
            "Comments: 3",
        ),
        *("3件", "３件", "3 件", "♥ 1,2件", "Просмотров: 1,2 тыс.", "12 k", "١٢٬٣٤٥ likes"),
    ],
)
def test_counters_have_a_number_in_any_place(line: str) -> None:
    """Before the words or where the counter has it, also without a space, in any digits, also in groups of three."""
    row = corrected(f"Some words before.\n{line}", COUNTERS)
    assert (row["text"], row["counter_lines"]) == ("Some words before.", 1)


@pytest.mark.parametrize(
    "line",
    [
        *("me gusta 3", "3 me", "3 4 likes", "1234 567 likes", "1 2345 likes", "likes likes", "3 개 댓글"),
        *("Comments", "3件 件", "a3件 b", "3x likes", "v3 likes", "# likes"),
    ],
)
def test_other_numbers_are_no_counters(line: str) -> None:
    """The words of a counter in another order, two numbers, or a number that is part of a word."""
    assert corrected(line, dataclasses.replace(COUNTERS, kinds=frozenset({"counter"})))["text"] == line


def test_several_phrases_of_a_line_are_several_spans() -> None:
    """Each phrase keeps its own reason, and the line counts once under each."""
    row = corrected("Login | now: view cart / pay. Learn more")
    assert row["text"] == "now: pay."
    assert [(span["reason"], span["text"]) for span in row["removed"]] == [  # type: ignore[attr-defined]
        ("start", "Login | "),
        ("anywhere", "view cart / "),
        ("end", " Learn more"),
    ]
    assert row["removed_words"] == 7 / 9
    assert row["flagged_words"] == 1


JUNK_LINES = {
    "uppercase": "ABOUT US",
    "numeric": "1 2",
    "counter": "3 likes",
    "one_word": "Conclusion",
    "start": "Login | all the news",
    "end": "The story goes on. Read more",
    "anywhere": "Our shop. View cart. We like it",
}


@pytest.mark.parametrize("off", KINDS)
def test_each_rule_can_be_left_out(off: str) -> None:
    """Without a rule its lines stay, and all others go as before."""
    text = "\n".join(f"{line}\nSome words here." for line in JUNK_LINES.values())
    row = corrected(text, dataclasses.replace(RULES, kinds=frozenset(KINDS) - {off}))
    assert {kind: row[f"{kind}_lines"] for kind in KINDS} == {kind: int(kind != off) for kind in KINDS}
    assert JUNK_LINES[off] in str(row["text"])


def test_protected_lines_stay() -> None:
    """Lines of a span stay, whatever they are, with the blank ones between them, and count among the words."""
    lines = ["Some words here.", "3 likes", "}", "", "", "END", "3 likes", "More words here."]
    text = "\n".join(lines)
    start, end = text.index("}"), text.index("END") + 1
    rows = correct_lines(
        pa.array([text]), RULES, pa.array([[{"start": start, "end": end, "kind": "code"}]], PROTECTED.type)
    )
    (row,) = rows.to_pylist()
    assert row["text"].split("\n") == [line for line in lines if line != "3 likes"]
    assert (row["counter_lines"], row["removed_words"]) == (2, 4 / 12)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("A b\n\nX\n\nC d", "A b\n\nC d"),
        ("A b\nX\n\nC d", "A b\n\nC d"),
        ("A b\n\nX\nY\n\nC d", "A b\n\nC d"),
        ("X\n\nA b", "A b"),
        ("A b\n\nX", "A b"),
        ("A b\nX\nY", "A b"),
        ("A b\n\n\n\nC d\nX", "A b\n\n\n\nC d"),
        ("X\n\nY", ""),
        ("\n\nA b\n", "\n\nA b\n"),
        ("\n\n", "\n\n"),
    ],
)
def test_paragraph_breaks_outlive_junk(text: str, after: str) -> None:
    """Blank lines stay where they part two paragraphs, and go where the line that they set apart has gone."""
    assert corrected(text)["text"] == after


@pytest.mark.parametrize("text", ["", None])
def test_empty_text_loses_nothing(text: str | None) -> None:
    """Nothing divides by zero."""
    row = corrected(text)
    assert (row["text"], row["removed_words"], row["flagged_words"], row["removed"]) == ("", 0, 0, [])


@pytest.mark.parametrize(
    "text",
    [
        "a\n" * 100_000,
        "\n" * 300_000,
        "x" * 1_000_000,
        "! " * 500_000,
        "sign-in-" * 100_000 + " x",
        "z y\n\nX\n\n" * 20_000,
    ],
)
def test_hostile_text_is_corrected(text: str) -> None:
    """Time is linear, and the edit can be undone."""
    edited = correct_lines(pa.array([text]), RULES)
    assert undo(edited.column("text"), edited.column("removed")).to_pylist() == [text]


@pytest.mark.parametrize(
    ("after", "span"),
    [("ab", (3, 1, "x")), ("ab", (1, 2, "x"))],
)
def test_spans_of_another_text_are_refused(after: str, span: tuple[int, int, str]) -> None:
    """Spans that do not fit the text raise ValueError rather than give a wrong text."""
    offset, length, text = span
    removed = pa.array([[{"offset": offset, "length": length, "reason": "x", "text": text}]], SPANS)
    with pytest.raises(ValueError, match=f"span at byte {offset} does not fit"):
        undo(pa.array([after]), removed)


def test_texts_without_spans_stay() -> None:
    """No spans, null or an empty list, mean no edit."""
    assert undo(pa.array(["a", "b", None]), pa.array([None, [], []], SPANS)).to_pylist() == ["a", "b", None]
