"""The plain format."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from tests.unit.runtimes.models import CLASSIFIERS, TEXTS, THREE, TWO, UNSEEN, fitted
from textmill.errors import ModelInvalidError
from textmill.runtimes import plain
from textmill.runtimes.base import ModelSpec, Quality
from textmill.runtimes.registry import load

CARD = plain.Card(
    description="d", source="s", licence="l", quality=(Quality("data", "accuracy", 0.5, 10),), notes=("n",)
)

OPTIONS = st.fixed_dictionaries({
    "analyzer": st.sampled_from(["word", "char", "char_wb"]),
    "ngram_range": st.sampled_from([(1, 1), (1, 2), (2, 3)]),
    "lowercase": st.booleans(),
    "strip_accents": st.sampled_from([None, "ascii", "unicode"]),
    "sublinear_tf": st.booleans(),
    "binary": st.booleans(),
    "use_idf": st.booleans(),
    "norm": st.sampled_from(["l1", "l2", None]),
    "stop_words": st.sampled_from([None, "english", ["the", "a"]]),
})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(options=OPTIONS, three=st.booleans())
@pytest.mark.filterwarnings("ignore:.*(stop_words|token_pattern).*:UserWarning")
def test_what_is_read_answers_exactly_as_what_was_written(
    tmp_path: Path, options: dict[str, Any], three: bool
) -> None:
    """For every choice of the vectorizer's options, two labels or three."""
    model = fitted(labels=THREE if three else TWO, **options)
    plain.write(tmp_path / "m.textmill", model, CARD)
    again, card = plain.read(tmp_path / "m.textmill")
    assert np.array_equal(model.predict_proba(UNSEEN), again.predict_proba(UNSEEN))
    assert card == CARD


def test_counts_without_weights_are_stored_too(tmp_path: Path) -> None:
    """CountVectorizer has no idf."""
    model = Pipeline([("v", CountVectorizer()), ("c", LogisticRegression())]).fit(TEXTS, TWO)
    plain.write(tmp_path / "m.textmill", model, CARD)
    assert np.array_equal(
        model.predict_proba(UNSEEN), plain.read(tmp_path / "m.textmill")[0].predict_proba(UNSEEN)
    )


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    """So that digests can be compared."""
    for name in ("a", "b"):
        plain.write(tmp_path / name, fitted(), CARD)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_card_is_served(tmp_path: Path) -> None:
    """What the file says of the model is in its info."""
    plain.write(tmp_path / "m.textmill", fitted(), CARD)
    info = load(ModelSpec("m", str(tmp_path / "m.textmill"))).info
    assert (info.description, info.licence, info.quality, info.notes) == ("d", "l", CARD.quality, ("n",))


@pytest.mark.parametrize(
    "model",
    [fitted(CLASSIFIERS["svc"]), fitted(tokenizer=str.split, token_pattern=None)],
    ids=["svc", "function"],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, model: Pipeline) -> None:
    """Other classifiers, and functions of one's own."""
    with pytest.raises(ModelInvalidError, match=r"cannot be stored|Store it as"):
        plain.write(tmp_path / "m.textmill", model, CARD)


def _head(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, bytes]], None]:
    def apply(entries: dict[str, bytes]) -> None:
        head = json.loads(entries["model.json"])
        change(head)
        entries["model.json"] = json.dumps(head).encode()

    return apply


def _array(
    name: str, change: Callable[[Any], Any], *, allow_pickle: bool = False
) -> Callable[[dict[str, bytes]], None]:
    def apply(entries: dict[str, bytes]) -> None:
        stream = io.BytesIO()
        np.save(stream, change(np.load(io.BytesIO(entries[f"{name}.npy"]))), allow_pickle=allow_pickle)
        entries[f"{name}.npy"] = stream.getvalue()

    return apply


DAMAGE: dict[str, Callable[[dict[str, bytes]], Any]] = {
    "no head": lambda entries: entries.pop("model.json"),
    "no terms": lambda entries: entries.pop("terms.txt"),
    "head is no json": lambda entries: entries.update({"model.json": b"{"}),
    "another format": _head(lambda head: head.update(format=2)),
    "unknown parameter": _head(lambda head: head["vectorizer"]["parameters"].update(tokenizer="os.system")),
    "unknown vectorizer": _head(lambda head: head["vectorizer"].update({"class": "HashingVectorizer"})),
    "unknown card field": _head(lambda head: head["card"].update(mood="fine")),
    "too many labels": _head(lambda head: head["labels"].append("third")),
    "a term twice": lambda entries: entries.update({"terms.txt": b"\n".join([b"a"] * 40)}),
    "a term too few": lambda entries: entries.update({
        "terms.txt": entries["terms.txt"].rpartition(b"\n")[0]
    }),
    "not a number": _array("coef", lambda array: array * float("nan")),
    "wrong shape": _array("coef", lambda array: array.T),
    "objects": _array("coef", lambda array: array.astype(object), allow_pickle=True),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_file_is_told(tmp_path: Path, damage: Callable[[dict[str, bytes]], Any]) -> None:
    """Every kind of damage is a ModelInvalidError, and nothing of the file is executed."""
    path = tmp_path / "m.textmill"
    plain.write(path, fitted(), CARD)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    damage(entries)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    with pytest.raises(ModelInvalidError):
        plain.read(path)


def test_an_entry_that_unpacks_to_too_much_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file may not fill the memory."""
    plain.write(tmp_path / "m.textmill", fitted(), CARD)
    monkeypatch.setattr(plain, "MAX_ENTRY", 10)
    with pytest.raises(ModelInvalidError, match="unpacks to more than 10"):
        plain.read(tmp_path / "m.textmill")
