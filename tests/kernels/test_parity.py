"""Every native kernel returns what its twin returns, bit for bit, and looks like it from outside."""

from __future__ import annotations

import inspect
from functools import cache

import pytest
from hypothesis import given, settings, strategies as st

from tests.kernels.natives import PAIRS
from tools.parity import CASES, WITHOUT, Pair, check

COMPARED = PAIRS | {"TextModel": Pair(*map(cache, PAIRS["TextModel"]))}
"""A model is loaded once, not for each example: that takes ten times as long as its scores."""


def test_every_kernel_has_a_case() -> None:
    """The table names each native kernel, or says why it does not."""
    assert CASES.keys() | WITHOUT.keys() == {name for name, pair in PAIRS.items() if callable(pair.native)}
    assert not CASES.keys() & WITHOUT.keys()


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_parity(name: str, data: st.DataObject) -> None:
    """A kernel and its twin return equal values of equal types for any input."""
    check(name, COMPARED[name], data.draw(CASES[name].inputs))


@pytest.mark.parametrize("name", sorted(name for name, pair in PAIRS.items() if callable(pair.native)))
def test_a_kernel_has_the_docstring_and_signature_of_its_twin(name: str) -> None:
    """A reader of ``help`` does not notice which of the two runs."""
    native, twin = PAIRS[name]
    assert native.__doc__ == twin.__doc__
    assert native.__doc__
    assert inspect.signature(native) == inspect.signature(twin)
    assert native.__module__ == "refinery.kernels"
