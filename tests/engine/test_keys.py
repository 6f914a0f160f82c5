"""Keys of receipts in a column are a sequence of strings as a tuple is one."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel, ValidationError

from refinery.root.keys import Keys, column_of

KEYS = st.lists(st.from_regex("[0-9A-Za-z_-]{1,40}", fullmatch=True), max_size=9)


class _Record(BaseModel):
    keys: Keys


@given(KEYS, KEYS, st.slices(9))
def test_keys_are_those_of_a_tuple(some: list[str], others: list[str], chosen: slice) -> None:
    """All that a tuple returns, keys return; they are equal where tuples are."""
    keys = Keys(some)
    assert [*keys] == some
    assert len(keys) == len(some)
    assert [keys[place] for place in range(len(some))] == some
    assert keys == tuple(some)
    assert [*keys[chosen]] == some[chosen]
    assert [*(keys + Keys(others))] == some + others
    assert (keys == Keys(others)) == (some == others)
    assert (keys == tuple(others)) == (some == others)
    assert Keys(column_of(keys)) == keys == Keys(column_of(some))


@given(KEYS)
def test_a_record_has_keys_as_a_list(some: list[str]) -> None:
    """In JSON they are what a tuple of strings is."""
    record = _Record(keys=Keys(some))
    assert record.model_dump() == {"keys": some}
    assert _Record.model_validate_json(record.model_dump_json()) == record == _Record.model_validate({"keys": some})


@pytest.mark.parametrize("key", ["", "../a", "a b", "é", "a\x00"])
def test_what_is_no_key_is_refused(key: str) -> None:
    """A damaged record leads to no other file."""
    with pytest.raises(ValidationError):
        _Record.model_validate({"keys": ["0a", key]})
