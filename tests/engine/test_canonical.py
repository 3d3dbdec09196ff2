"""The bytes of a record are those of RFC 8785, as an implementation that knows nothing else writes them."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from geo_service.export.canonical import canonical

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.sampled_from([0.0, -0.0, 1e-4, 9.9e-5, -1e-7, 2.9e-11, 1e15 + 0.5, 2.0**53, 1e20, 1e21, 1e22, 5e-324]),
)
# Texts that look like what the writer itself puts in the place of a number, and names that two orders sort apart.
TEXTS = st.one_of(st.text(), st.sampled_from(["\0number0", '"\0number0"', '\\"', "\u2028", "\ud7ff", "😀", "\x7f"]))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(TEXTS, inner, max_size=5)),
    max_leaves=20,
)


@given(VALUES)
def test_every_value_has_the_bytes_of_the_standard(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


def test_names_outside_the_basic_plane_are_sorted_as_the_standard_asks() -> None:
    assert canonical({"\ufb01": 1, "😀": 2}).decode() == '{"😀":2,"\ufb01":1}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, "\ud800", {1: "a"}, {"a": object()}])
def test_what_has_no_spelling_is_refused(value: Any) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError)):
        canonical(value)
