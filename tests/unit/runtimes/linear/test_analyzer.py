"""Terms as the vectorizers' own analyzers give them, and their places."""

from __future__ import annotations

import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from textmill.runtimes.linear.analyzer import WORDS, Analyzer, analyzer
from textmill.runtimes.linear.texts import verification_texts

OPTIONS: list[dict[str, Any]] = [
    {},
    {"ngram_range": (1, 2), "token_pattern": r"(?u)\w+"},
    {"ngram_range": (2, 4), "token_pattern": r"\w*", "lowercase": False},
    {"ngram_range": (1, 3), "stop_words": ["the", "a", "film"]},
    {"token_pattern": r"(?i)([a-z])\S*|\d", "strip_accents": "ascii"},
    {"strip_accents": "unicode", "token_pattern": r"\S+"},
    {"analyzer": "char", "ngram_range": (1, 1)},
    {"analyzer": "char", "ngram_range": (2, 4), "strip_accents": "unicode"},
    {"analyzer": "char_wb", "ngram_range": (1, 2), "strip_accents": "ascii"},
    {"analyzer": "char_wb", "ngram_range": (3, 5), "lowercase": False},
    {"analyzer": "char_wb", "ngram_range": (30, 31)},
]
SOME = [text for text in verification_texts() if len(text) < 1000]


def both(options: dict[str, Any]) -> tuple[Callable[[str], list[str]], Analyzer]:
    """scikit-learn's analyzer and ours."""
    vectorizer = CountVectorizer(**options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about stop words
        return vectorizer.build_analyzer(), analyzer(vectorizer)


def decomposed(text: str) -> str:
    """Hangul syllables as the letters they are made of."""
    return unicodedata.normalize("NFKD", text)


@st.composite
def any_options(draw: Callable[..., Any]) -> dict[str, Any]:
    """Every combination of options."""
    low = draw(st.integers(1, 4))
    return {
        "analyzer": draw(st.sampled_from(["word", "char", "char_wb"])),
        "ngram_range": (low, low + draw(st.integers(0, 3))),
        "lowercase": draw(st.booleans()),
        "strip_accents": draw(st.sampled_from([None, "ascii", "unicode"])),
        "stop_words": draw(st.sampled_from([None, "english", ["a", "b"]])),
        "token_pattern": draw(st.sampled_from([*WORDS, r"\w*", r"(\w)\w*", r"a|(b)", r"\S+", r"."])),
    }


class TestTerms:
    """The same, in the same order."""

    @pytest.mark.parametrize("options", OPTIONS, ids=str)
    def test_on_the_verification_texts(self, options: dict[str, Any]) -> None:
        """Long ones too."""
        theirs, ours = both(options)
        for text in verification_texts():
            assert theirs(text) == ours.terms(text)

    @settings(deadline=None)
    @given(any_options(), st.lists(st.text(max_size=60), max_size=8))
    def test_on_any_text(self, options: dict[str, Any], texts: list[str]) -> None:
        """Words of ASCII letters take another path than words of others."""
        theirs, ours = both(options)
        for text in [*texts, " ".join(texts), "Plain a b words_1 9"]:
            assert theirs(text) == ours.terms(text)

    @pytest.mark.parametrize("pattern", WORDS)
    @pytest.mark.parametrize("lowercase", [True, False])
    def test_on_every_sign(self, pattern: str, lowercase: bool) -> None:
        """Of ASCII alone, where the quick path is taken; then of the rest, a thousand signs at a time."""
        theirs, ours = both({"token_pattern": pattern, "lowercase": lowercase})
        for codes in (range(128), *(range(start, start + 1000) for start in range(0, 0x30000, 1000))):
            text = "".join(f"Ab{chr(code)}c" for code in codes)
            assert theirs(text) == ours.terms(text)


class TestPlaces:
    """Where a term stands in the text as it was sent."""

    @settings(deadline=None)
    @given(any_options(), st.one_of(st.text(max_size=60), st.sampled_from(SOME)))
    def test_the_same_terms_are_found(self, options: dict[str, Any], text: str) -> None:
        """As often; and every place is in the text."""
        _, ours = both(options)
        located = ours.locate(text)
        assert Counter(ours.terms(text)) == Counter(term for term, _, _ in located)
        assert all(0 <= start <= end <= len(text) for _, start, end in located)

    @settings(deadline=None)
    @given(any_options(), st.one_of(st.text(max_size=60), st.sampled_from(SOME)))
    def test_without_changes_a_place_holds_its_term(self, options: dict[str, Any], text: str) -> None:
        """Padding and runs of white space aside."""
        _, ours = both({**options, "lowercase": False, "strip_accents": None, "stop_words": None})
        for term, start, end in ours.locate(text):
            if options["analyzer"] == "word" and options["ngram_range"][1] > 1:
                assert text[start:end].startswith(term.split(" ")[0])
            elif options["analyzer"] == "word":
                assert term == text[start:end]
            else:
                assert term.split() == text[start:end].split()

    @pytest.mark.parametrize(
        ("options", "text", "expected"),
        [
            ({}, "Not good", [("not", 0, 3), ("good", 4, 8)]),
            ({"ngram_range": (2, 2)}, "so  very\ngood", [("so very", 0, 8), ("very good", 4, 13)]),
            ({"ngram_range": (2, 2), "stop_words": ["the"]}, "see the film", [("see film", 0, 12)]),
            ({}, "\u0130STANBUL g\u00fczel", [("stanbul", 1, 8), ("g\u00fczel", 9, 14)]),
            (
                {"strip_accents": "unicode"},
                "un cafe\u0301 noir",
                [("un", 0, 2), ("cafe", 3, 8), ("noir", 9, 13)],
            ),
            ({"strip_accents": "ascii"}, "à la crème", [("la", 2, 4), ("creme", 5, 10)]),
            ({"strip_accents": "ascii"}, "ﬁlm 世 ½", [("film", 0, 3), ("12", 6, 7)]),
            ({"strip_accents": "unicode"}, "각 나라", [(decomposed("각"), 0, 1), (decomposed("나라"), 2, 4)]),
            ({"token_pattern": r"#(\w+)"}, "a #tag", [("tag", 3, 6)]),
            ({"analyzer": "char", "ngram_range": (2, 2)}, "a \n b", [("a ", 0, 4), (" b", 1, 5)]),
            (
                {"analyzer": "char_wb", "ngram_range": (3, 3)},
                " ab c",
                [(" ab", 1, 3), ("ab ", 1, 3), (" c ", 4, 5)],
            ),
        ],
    )
    def test_changed_letters_are_followed_back(
        self, options: dict[str, Any], text: str, expected: list[tuple[str, int, int]]
    ) -> None:
        """Lower case that grows, accents that go, ligatures that come apart."""
        _, ours = both(options)
        assert expected == ours.locate(text)
