"""`textmill verify`, as a person types it."""

from __future__ import annotations

import re
from pathlib import Path

import joblib
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer, strip_accents_unicode
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import make_pipeline
from typer.testing import CliRunner

from textmill.cli.app import app
from textmill.errors import ModelInvalidError

TEXTS = ["good film", "good fun", "bad film", "bad fun"]
LABELS = ["yes", "yes", "no", "no"]


def verify(*words: str) -> tuple[int, str]:
    """Exit code and output; what the terminal would show as an error is raised."""
    ended = CliRunner().invoke(app, ["verify", *words])
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return ended.exit_code, ended.output


def stored(folder: Path, vectorizer: object, classifier: object) -> str:
    """A fitted model on disk."""
    path = folder / "model.joblib"
    joblib.dump(make_pipeline(vectorizer, classifier).fit(TEXTS, LABELS), path)
    return str(path)


def test_equal_answers_are_counted_and_the_speed_up_is_shown() -> None:
    """On the packaged texts, and on as many more as are asked for."""
    code, output = verify("sentiment", "--count", "700")
    assert 0 == code
    assert "equal: 700 texts; scores differ by at most" in output
    assert "us a text natively" in output


def test_texts_of_ones_own(tmp_path: Path) -> None:
    """One a line; empty lines are no texts."""
    path = tmp_path / "texts.txt"
    path.write_text("Wonderful.\n\nAwful.\r\nWas it?", encoding="utf-8")
    assert "equal: 3 texts" in verify("sentiment", str(path))[1]


def test_a_difference_has_an_exit_code_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is told without the text: scikit-learn works otherwise than the compiled form knows."""
    model = stored(tmp_path, TfidfVectorizer(strip_accents="unicode"), LogisticRegression())
    path = tmp_path / "texts.txt"
    path.write_text("good\n", encoding="utf-8")
    own = "sklearn.feature_extraction.text.strip_accents_unicode"
    monkeypatch.setattr(own, lambda text: strip_accents_unicode(text).replace("good", "bad"))
    code, output = verify(model, str(path), "--trust")
    assert 4 == code
    assert "different: label 'yes' instead of 'no' in a text of 4 characters" in output


def test_a_model_without_a_compiled_form_says_why(tmp_path: Path) -> None:
    """With the exit code that scripts can tell from a difference."""
    code, output = verify(stored(tmp_path, TfidfVectorizer(), BernoulliNB()), "--trust")
    assert 3 == code
    assert "BernoulliNB is not one of the parts" in output


@pytest.mark.parametrize(("content", "told"), [(None, "No such file"), (b"\xff", "not valid UTF-8")])
def test_texts_that_cannot_be_read(tmp_path: Path, content: bytes | None, told: str) -> None:
    """The file is named, and what it should be."""
    path = tmp_path / "texts.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelInvalidError, match=f"texts.txt, cannot be read.*{told}.*one text a line"):
        verify("sentiment", str(path))


def test_no_texts_at_all(tmp_path: Path) -> None:
    """Nothing was compared, so nothing is called equal."""
    path = tmp_path / "texts.txt"
    path.write_text("\n\n", encoding="utf-8")
    with pytest.raises(ModelInvalidError, match="no text to verify with in"):
        verify("sentiment", str(path))


def test_a_configured_model_is_compared_on_its_own_texts_too(tmp_path: Path) -> None:
    """As at every start."""
    model = stored(tmp_path, TfidfVectorizer(), LogisticRegression())
    texts = tmp_path / "texts.txt"
    texts.write_text("good\nbad\n", encoding="utf-8")
    settings = tmp_path / "own.toml"
    plain = f"[models.own]\npath = {model!r}\ntrust = true\n"
    settings.write_text(plain, encoding="utf-8")
    before = compared(verify("own", "--config", str(settings))[1])
    settings.write_text(f"{plain}verify_with = {str(texts)!r}\n", encoding="utf-8")
    assert before + 2 == compared(verify("own", "--config", str(settings))[1])


def compared(output: str) -> int:
    """How many texts were equal."""
    found = re.match(r"equal: ([\d,]+) texts", output)
    assert found is not None
    return int(found[1].replace(",", ""))
