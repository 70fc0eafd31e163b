"""Windows over long texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textmill.runtimes.windows import windows

LONG = st.text(st.sampled_from("ab .!?\n\u0301\u3002"), max_size=400)


@given(text=LONG, limit=st.integers(1, 60))
def test_windows_cover_the_text_exactly(text: str, limit: int) -> None:
    """In order, without gaps, none empty, none over the limit."""
    found = list(windows(text, limit))
    assert "".join(text[start:end] for start, end in found) == text
    assert all(0 < end - start <= limit for start, end in found)
    assert [start for start, _ in found[1:]] == [end for _, end in found[:-1]]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("aaaaaaaaaaaa\n\nbb cc. dd ee", "aaaaaaaaaaaa\n\n"),
        ("aaaaaaaaaaa. b c d e", "aaaaaaaaaaa. "),
        ("aaaaaaaaaaaaa bbbbbb", "aaaaaaaaaaaaa "),
        ("aaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa"),
        ("aaaaaaaaaaaaaaae\u0301e\u0301e\u0301", "aaaaaaaaaaaaaaa"),
    ],
    ids=["paragraph", "sentence", "word", "nowhere", "accent"],
)
def test_a_window_ends_where_no_entity_is_cut(text: str, first: str) -> None:
    """Paragraphs before sentences before words; a letter keeps its accent."""
    start, end = next(windows(text, 16))
    assert text[start:end] == first


@pytest.mark.parametrize(
    "sign",
    ["e\u0301", "कि", "❤\ufe0f", "👍🏿", "👨\u200d👩\u200d👧"],
    ids=["accent", "vowel sign", "variation", "skin tone", "family"],
)
def test_a_sign_of_several_characters_stays_whole(sign: str) -> None:
    """Where there is nothing better to cut at."""
    ends = [end for _, end in windows(sign * 40, 31)]
    assert [0] * len(ends) == [end % len(sign) for end in ends]


def test_where_nothing_can_be_cut_it_is_cut_at_the_limit() -> None:
    """Rather than in windows that are shorter for nothing."""
    assert list(windows("e" + "\u0301" * 99, 40)) == [(0, 40), (40, 80), (80, 100)]
