"""The comparison of two runtimes, and the texts it is made on."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from textmill.runtimes.base import ModelInfo, Scores
from textmill.runtimes.linear.texts import texts_of_terms, verification_texts
from textmill.runtimes.verification import Candidate, Comparison, verify

PATH = ":".join(sys.path)
TEXTS = ["one", "two words", "and three words"]


@dataclass
class Answering:
    """A runtime that answers with a function of the text."""

    answer: Callable[[str], Scores]
    info: ModelInfo = field(
        default_factory=lambda: ModelInfo(
            "classification", ("no", "yes"), "none", "1", "sha256:0", "native", ""
        )
    )
    concurrent: bool = True

    def predict(self, texts: Sequence[str]) -> list[Scores]:
        return [self.answer(text) for text in texts]


def by_length(text: str) -> Scores:
    """Longer texts are a yes."""
    return (0.2, 0.8) if len(text) > 5 else (0.9, 0.1)


def compared(native: Callable[[str], Scores], compiled: Callable[[str], Scores]) -> Comparison:
    """Two functions of the text, as runtimes."""
    return verify(Candidate(Answering(native), Answering(compiled), tolerance=1e-9), TEXTS)


def failing(text: str) -> Scores:
    """It takes no text of two words."""
    if text == "two words":
        raise ValueError(text)
    return by_length(text)


class TestTheComparison:
    """What is equal, and what is told of a difference."""

    def test_equal_answers(self) -> None:
        """Rounding aside, which is reported."""
        found = compared(by_length, lambda text: (by_length(text)[0] + 1e-12, by_length(text)[1]))
        assert (3, None) == (found.texts, found.difference)
        assert found.largest == pytest.approx(1e-12, rel=0.01)

    @pytest.mark.parametrize(
        ("other", "told"),
        [
            (lambda _: (0.9, 0.1), "label 'no' instead of 'yes' in a text of 9 characters"),
            (lambda text: (0.9, 0.1001) if text == "one" else by_length(text), "label 'no' differs by 1e-04"),
            (lambda text: (float("nan"), by_length(text)[1]), "in a text of 3 characters"),
            (failing, "ValueError instead of an answer in a text of 9 characters"),
            (lambda _: (0.2, 0.5, 0.3), "3 scores instead of 2"),
        ],
    )
    def test_a_difference_is_told_without_the_text(self, other: Callable[[str], Scores], told: str) -> None:
        """The length of the text and the label it concerns."""
        found = compared(by_length, other)
        assert told in str(found.difference)
        assert "words" not in str(found.difference)

    def test_failing_in_the_same_way_is_equal(self) -> None:
        """Other texts of the same batch are compared none the less."""
        same = compared(failing, failing)
        assert (3, 0.0, None) == (same.texts, same.largest, same.difference)
        found = compared(failing, lambda text: failing(text) if len(text) < 12 else (0.9, 0.1))
        assert "of 15 characters" in str(found.difference)


class TestTheTexts:
    """They are many, odd, and the same everywhere."""

    def test_every_unicode_category_is_among_them(self) -> None:
        """Lone surrogates too."""
        every = {unicodedata.category(chr(code)) for code in range(sys.maxunicode + 1)}
        assert every == {unicodedata.category(letter) for text in verification_texts() for letter in text}

    def test_short_and_long_ones(self) -> None:
        """From one sign to thousands of words; some are empty to a tokenizer."""
        lengths = {len(text) for text in verification_texts()}
        assert 1 == min(lengths)
        assert 20_000 == max(lengths)
        assert any(not text.strip() for text in verification_texts())

    def test_many_scripts(self) -> None:
        """By the first word of a letter's name."""
        letters = {letter for text in verification_texts()[:40] for letter in text if letter.isalpha()}
        scripts = {unicodedata.name(letter).split()[0] for letter in letters}
        assert {"LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "DEVANAGARI", "THAI", "CJK"} < scripts
        assert {"HIRAGANA", "HANGUL", "TAMIL", "BENGALI", "GEORGIAN", "ARMENIAN"} < scripts

    def test_the_same_in_every_process(self) -> None:
        """Whatever the seed of hashes."""
        code = (
            "from textmill.runtimes.linear.texts import verification_texts as texts; import zlib;"
            "print(zlib.crc32('|'.join(texts()).encode('utf-8', 'surrogatepass')))"
        )
        found = {
            subprocess.check_output(
                [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PYTHONPATH": PATH}
            )
            for seed in ("1", "2")
        }
        assert 1 == len(found)

    def test_a_models_own_terms_are_drawn_evenly(self) -> None:
        """So that most of a small model's coefficients meet a text."""
        terms = {f"term{number}": number for number in range(5000)}
        found = {word for text in texts_of_terms(terms) for word in text.split()}
        assert found <= set(terms)
        assert 1000 < len(found)
        assert max(terms[word] for word in found) > 4000
