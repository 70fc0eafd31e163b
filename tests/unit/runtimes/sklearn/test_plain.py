"""The plain format."""

from __future__ import annotations

import io
import json
import random
import time
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
from textmill.runtimes.base import ModelSpec, Quality
from textmill.runtimes.registry import load
from textmill.runtimes.sklearn import plain

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
    "token_pattern": st.sampled_from([r"(?u)\b\w\w+\b", r"\S+", r"(\w)\w*"]),
    "smooth_idf": st.booleans(),
    "dtype": st.sampled_from([np.float32, np.float64]),
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


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        ({"ngram_range": (np.int64(1), np.int64(2))}, TWO),
        ({"stop_words": ["the", "a"], "token_pattern": r"\w+"}, TWO),
        ({"max_features": 7}, TWO),
        ({}, [True, False] * 15),
        ({}, [3, 1, 2] * 10),
        ({}, np.array(TWO, dtype=object)),
    ],
    ids=["numpy's numbers", "a list", "pruned", "booleans", "numbers", "objects"],
)
def test_options_and_labels_keep_their_meaning(
    tmp_path: Path, options: dict[str, Any], labels: list[Any]
) -> None:
    """Whatever type they were given in."""
    model = Pipeline([("v", CountVectorizer(**options)), ("c", LogisticRegression())]).fit(TEXTS, labels)
    plain.write(tmp_path / "m.textmill", model, CARD)
    again, _ = plain.read(tmp_path / "m.textmill")
    assert np.array_equal(model.predict_proba(UNSEEN), again.predict_proba(UNSEEN))
    assert list(model.predict(UNSEEN)) == list(again.predict(UNSEEN))
    assert list(map(type, model.classes_.tolist())) == list(map(type, again.classes_.tolist()))


def _with(part: str, **values: Any) -> Pipeline:
    model = fitted(labels=THREE)
    for name, value in values.items():
        setattr(model.named_steps[part], name, value)
    return model


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (LogisticRegression(), "not LogisticRegression"),
        (Pipeline([("v", CountVectorizer()), ("c", LogisticRegression())]), "not fitted"),
        (_with("vectorizer", input="filename"), "reads files"),
        (_with("classifier", solver="liblinear"), "against the rest"),
        (_with("classifier", intercept_=np.array([1.0, 2.0, np.nan])), "intercept has a value that is not"),
        (_with("classifier", intercept_=np.array([1.0, 2.0])), r"shape \(2,\) instead of \(3,\)"),
        (_with("classifier", classes_=np.array(["a", "b", "\ud800"])), "UTF-8"),
        (fitted(analyzer="char").fit(["a\nb", "c d"], [0, 1]), "line break"),
        (fitted(analyzer="char").fit(["a\ud800b", "c d"], [0, 1]), "UTF-8"),
    ],
    ids=["no pipeline", "unfitted", "files", "one", "nan", "shape", "label", "break", "surrogate"],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path: Path, model: Any, told: str) -> None:
    """No file is left behind."""
    with pytest.raises(ModelInvalidError, match=told):
        plain.write(tmp_path / "m.textmill", model, CARD)
    assert not (tmp_path / "m.textmill").exists()


def _npy_header(shape: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue()


def _parameter(**values: Any) -> Callable[[dict[str, bytes]], None]:
    return _head(lambda head: head["vectorizer"]["parameters"].update(values))


def _told(**values: Any) -> Callable[[dict[str, bytes]], None]:
    return _head(lambda head: head["card"].update(values))


LIES: dict[str, Callable[[dict[str, bytes]], Any]] = {
    "an entry more": lambda entries: entries.update({"run.py": b"import os"}),
    "an entry elsewhere": lambda entries: entries.update({"../terms.txt": b"x"}),
    "a part more": _head(lambda head: head.update(hook="os.system")),
    "another classifier": _head(lambda head: head.update(classifier={"class": "SVC"})),
    "a parameter less": _head(lambda head: head["vectorizer"]["parameters"].pop("norm")),
    "an unknown analyzer": _parameter(analyzer="os.system"),
    "a range of one": _parameter(ngram_range=[1]),
    "a range backwards": _parameter(ngram_range=[2, 1]),
    "a pattern that is none": _parameter(token_pattern="("),
    "a pattern with two groups": _parameter(token_pattern="(a)(b)"),
    "unknown stop words": _parameter(stop_words="klingon"),
    "stop words that are none": _parameter(stop_words=[1]),
    "a number for a flag": _parameter(lowercase=1),
    "an unknown norm": _parameter(norm="l7"),
    "an unknown dtype": _parameter(dtype="object"),
    "nested labels": _head(lambda head: head.update(labels=[["a"], ["b"]])),
    "labels of two types": _head(lambda head: head.update(labels=["a", 1])),
    "one label": _head(lambda head: head.update(labels=["a"])),
    "a label twice": _head(lambda head: head.update(labels=["a", "a"])),
    "a label that cannot be sent": _head(lambda head: head.update(labels=["a", "\ud800"])),
    "a label that is no number": _head(lambda head: head.update(labels=[float("nan"), 1.0])),
    "a number in the card": _told(licence=5),
    "notes that are no list": _told(notes="abc"),
    "a quality of nothing": _told(quality=[{"data": "d"}]),
    "a quality without end": _told(
        quality=[{"data": "d", "measure": "m", "value": float("inf"), "texts": 1}]
    ),
    "a list for a head": lambda entries: entries.update({"model.json": b"[]"}),
    "a deep head": lambda entries: entries.update({"model.json": b"[" * 100_000}),
    "an array larger than it is": lambda entries: entries.update({"coef.npy": _npy_header((10**13,))}),
    "an array of negative size": lambda entries: entries.update({"coef.npy": _npy_header((-1, 40))}),
    "complex numbers": _array("coef", lambda array: array.astype(complex)),
    "half precision": _array("coef", lambda array: array.astype(np.float16)),
    "terms in another encoding": lambda entries: entries.update({"terms.txt": b"\xff"}),
}


def rewritten(path: Path, change: Callable[[dict[str, bytes]], Any]) -> Path:
    """A good file, changed."""
    plain.write(path, fitted(), CARD)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("lie", LIES)
def test_a_file_that_lies_is_refused_when_it_is_read(tmp_path: Path, lie: str) -> None:
    """Not on the first text, and not by filling the memory first."""
    with pytest.raises(ModelInvalidError, match=r"m\.textmill"):
        plain.read(rewritten(tmp_path / "m.textmill", LIES[lie]))


def test_a_file_that_is_rewritten_unchanged_is_read(tmp_path: Path) -> None:
    """So the lies above are refused for what they say."""
    assert plain.read(rewritten(tmp_path / "m.textmill", lambda _: None))[1] == CARD


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_flipped_bytes_never_raise_anything_else(tmp_path: Path) -> None:
    """A thousand damaged files: each is read just as it was written, or refused."""
    path, model = tmp_path / "m.textmill", fitted()
    plain.write(path, model, plain.Card())
    content, chance = path.read_bytes(), random.Random(0)  # noqa: S311 - damage needs no secrecy
    refused = 0
    for _ in range(1_000):
        damaged = bytearray(content)
        for _ in range(chance.choice([1, 2, 8])):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged[: chance.choice([len(damaged), chance.randrange(len(damaged))])])
        try:
            again, _ = plain.read(path)
        except ModelInvalidError:
            refused += 1
            continue
        assert np.array_equal(model.predict_proba(UNSEEN), again.predict_proba(UNSEEN))
    assert 500 < refused < 1_000


def test_numbers_are_kept_as_they_are_stored(tmp_path: Path) -> None:
    """A model of float32 stays one."""
    model = fitted(dtype=np.float32)
    plain.write(tmp_path / "m.textmill", model, CARD)
    again, _ = plain.read(tmp_path / "m.textmill")
    assert {np.dtype(np.float32)} == {part[-1].coef_.dtype for part in (model, again)}
    assert again[0].idf_.dtype == model[0].idf_.dtype


def test_a_large_vocabulary_loads_in_a_second(tmp_path: Path) -> None:
    """A hundred thousand terms; the processor's time, which neighbours do not change."""
    words = [f"w{number}" for number in range(100_000)]
    vectorizer = CountVectorizer(vocabulary=words).fit(words)
    model = Pipeline([("v", vectorizer), ("c", LogisticRegression(max_iter=1))])
    model[-1].coef_, model[-1].intercept_ = np.ones((1, len(words))), np.zeros(1)
    model[-1].classes_ = np.array(["a", "b"])
    plain.write(tmp_path / "m.textmill", model, CARD)
    start = time.process_time()
    plain.read(tmp_path / "m.textmill")
    assert time.process_time() - start < 1


def test_inspecting_tells_what_the_file_says_of_itself(tmp_path: Path) -> None:
    """With the one thing in it that runs on callers' texts: its pattern."""
    plain.write(tmp_path / "m.textmill", fitted(), CARD)
    found = plain.inspect(tmp_path / "m.textmill")
    details = dict(found.details)
    assert not found.executes_code
    assert "TfidfVectorizer" == details["vectorizer"]
    assert "bad, good" == details["labels"]
    assert r"(?u)\b\w\w+\b" == details["token pattern"]
    assert "l" == details["licence"]
