"""Offsets in the units of other languages."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textmill.service.offsets import converted

REAL = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
ENCODINGS = [("codepoint", "utf-32-le", 4), ("utf16", "utf-16-le", 2), ("utf8", "utf-8", 1)]


@pytest.mark.parametrize(("unit", "encoding", "width"), ENCODINGS)
@given(text=REAL, data=st.data())
def test_an_offset_cuts_the_encoded_text_where_it_cuts_the_text(
    unit: Literal["codepoint", "utf16", "utf8"], encoding: str, width: int, text: str, data: st.DataObject
) -> None:
    """Any place of any text, in every unit."""
    places = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    found = converted(text, places, unit)
    encoded = text.encode(encoding)
    assert {place: text[:place] for place in places} == {
        place: encoded[: at * width].decode(encoding) for place, at in found.items()
    }
