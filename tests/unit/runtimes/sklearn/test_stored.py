"""Stored models: trust, versions, damage."""

from __future__ import annotations

import os
import pickle
import re
import threading
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline
from skops import io as skops

from tests.unit.runtimes.models import CLASSIFIERS, UNSEEN, fitted
from textmill.errors import ModelInvalidError, ModelUntrustedError, ModelVersionError
from textmill.runtimes import registry
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.digest import digest
from textmill.runtimes.sklearn import pickles, stored


class Bomb:
    """A pickle that runs a command when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def test_a_pickle_is_refused_until_it_is_trusted(tmp_path: Path) -> None:
    """The message has its digest and both ways on."""
    path = tmp_path / "m.pkl"
    joblib.dump(fitted(), path)
    with pytest.raises(ModelUntrustedError) as refused:
        stored.read(path, ModelSpec("m", str(path)))
    for told in (digest(path), "--trust", "textmill inspect", ".skops"):
        assert told in str(refused.value)
    assert stored.read(path, ModelSpec("m", str(path), trust=True)).predict(["great"])


def test_nothing_of_an_untrusted_pickle_is_ever_executed(tmp_path: Path) -> None:
    """Not by inspecting, checking or loading; and its command is named."""
    marker, path = tmp_path / "executed", tmp_path / "bomb.pkl"
    path.write_bytes(pickle.dumps(Bomb(marker)))
    spec = ModelSpec("m", str(path))
    found = registry.inspect(spec)
    assert found.executes_code
    assert found.executes == ("posix.system",)
    for refusing in (registry.check, registry.load):
        with pytest.raises(ModelUntrustedError):
            refusing(spec)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["words.sav", "words.PKL", "words.joblib.bak", "words", "vectorizer.pkl"])
def test_no_name_of_a_vectorizers_file_opens_a_way_around_trust(tmp_path: Path, name: str) -> None:
    """Beside a safe model too: whatever is not skops is read as a pickle."""
    marker, model = tmp_path / "executed", tmp_path / "m.skops"
    stored.save(LogisticRegression().fit([[0.0], [1.0]], ["a", "b"]), model)
    (tmp_path / name).write_bytes(pickle.dumps(Bomb(marker)))
    spec = ModelSpec("m", str(model), vectorizer=str(tmp_path / name))
    for refusing in (registry.check, registry.load):
        with pytest.raises(ModelUntrustedError, match=re.escape(digest(tmp_path / name))):
            refusing(spec)
    assert not marker.exists()


def test_a_vectorizer_beside_a_safe_model_needs_trust_too(tmp_path: Path) -> None:
    """One that nobody configured, but that is found."""
    marker, model = tmp_path / "executed", tmp_path / "m.skops"
    stored.save(LogisticRegression().fit([[0.0], [1.0]], ["a", "b"]), model)
    (tmp_path / "vectorizer.pkl").write_bytes(pickle.dumps(Bomb(marker)))
    with pytest.raises(ModelUntrustedError, match=r"vectorizer\.pkl"):
        registry.load(ModelSpec("m", str(model)))
    assert not marker.exists()


def test_a_name_cannot_move_the_terminals_cursor(tmp_path: Path) -> None:
    """A file chooses the names it asks for, and could paint over what it would execute."""
    path = tmp_path / "m.pkl"
    path.write_bytes(disguised("os", "system\x1b[1A\x1b[2K\rfine\u202e", "x"))
    assert (r"os.system\x1b[1A\x1b[2K\rfine\u202e",) == stored.inspect(path).executes


@pytest.mark.parametrize(
    "compress", [0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)], ids=str
)
def test_joblib_files_are_followed_to_their_end(tmp_path: Path, compress: Any) -> None:
    """Compressed or not, with arrays of numbers and of objects between the instructions."""
    path = tmp_path / "m.joblib"
    odd = {
        "model": fitted(),
        "objects": np.array([{"a": 1}, os.path.join], dtype=object),
        "end": CLASSIFIERS["svc"],
    }
    joblib.dump(odd, path, compress=compress)
    names = pickles.names(path)
    assert "posixpath.join" in names
    assert "sklearn.svm._classes.LinearSVC" in names
    assert stored.inspect(path).executes == ("posixpath.join",)


def test_an_unreadable_pickle_is_not_called_harmless(tmp_path: Path) -> None:
    """Cut off in the middle."""
    path = tmp_path / "m.pkl"
    joblib.dump(fitted(), path)
    path.write_bytes(path.read_bytes()[:-200])
    assert "do not trust it" in str(stored.inspect(path).details)


@pytest.mark.parametrize("name", CLASSIFIERS.keys() - {"forest"})
def test_skops_files_of_text_classifiers_need_no_trust(tmp_path: Path, name: str) -> None:
    """Every linear kind, calibrated ones included."""
    path, model = tmp_path / "m.skops", fitted(CLASSIFIERS[name])
    stored.save(model, path)
    assert list(stored.read(path, ModelSpec("m", str(path))).predict(UNSEEN)) == list(model.predict(UNSEEN))
    assert not stored.inspect(path).executes_code


def test_a_skops_file_with_a_foreign_type_is_refused_by_its_name(tmp_path: Path) -> None:
    """A forest's trees are not on the short list."""
    path = tmp_path / "m.skops"
    skops.dump(fitted(CLASSIFIERS["forest"]), path)
    with pytest.raises(ModelUntrustedError, match=r"sklearn\.tree\._tree\.Tree"):
        stored.read(path, ModelSpec("m", str(path)))
    assert stored.read(path, ModelSpec("m", str(path), trust=True)).predict(["great"])


def older(path: Path, version: str = "1.2.3") -> None:
    """Rewrite a skops file as if another version of scikit-learn had written it."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    assert sklearn.__version__.encode() in entries["schema.json"]
    entries["schema.json"] = entries["schema.json"].replace(sklearn.__version__.encode(), version.encode())
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def test_another_version_of_scikit_learn_is_an_error_that_names_both(tmp_path: Path) -> None:
    """Unless the operator allows it."""
    path = tmp_path / "m.joblib"
    state = fitted().__getstate__() if hasattr(fitted(), "__getstate__") else {}
    assert state["_sklearn_version"] == sklearn.__version__
    raw = pickle.dumps(fitted())
    old = sklearn.__version__.encode()
    path.write_bytes(raw.replace(old, b"0" * (len(old) - 2) + b".1"))
    spec = ModelSpec("m", str(path), trust=True)
    with pytest.raises(ModelVersionError) as refused:
        stored.read(path, spec)
    assert sklearn.__version__ in str(refused.value)
    assert "000.1" in str(refused.value)
    allowed = ModelSpec("m", str(path), trust=True, allow_version_mismatch=True)
    assert stored.read(path, allowed).predict(["great"])


def test_skops_files_know_their_version_too(tmp_path: Path) -> None:
    """The same refusal."""
    path = tmp_path / "m.skops"
    stored.save(fitted(), path)
    older(path)
    with pytest.raises(ModelVersionError, match=rf"1\.2\.3.*{re.escape(sklearn.__version__)}"):
        stored.read(path, ModelSpec("m", str(path)))
    allowed = ModelSpec("m", str(path), allow_version_mismatch=True)
    assert list(fitted().predict(UNSEEN)) == list(stored.read(path, allowed).predict(UNSEEN))


@pytest.mark.parametrize("suffix", [".skops", ".joblib", ".pkl"])
@pytest.mark.parametrize(
    "content", [b"", b"nonsense", os.urandom(400), b"PK\x03\x04 cut"], ids=["empty", "words", "random", "cut"]
)
def test_a_damaged_file_is_told(tmp_path: Path, suffix: str, content: bytes) -> None:
    """With its path, and never as a library's raw exception."""
    path = tmp_path / f"m{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelInvalidError, match=path.name):
        stored.read(path, ModelSpec("m", str(path), trust=True))


def test_only_safe_formats_are_written(tmp_path: Path) -> None:
    """Textmill makes no pickles."""
    with pytest.raises(ModelInvalidError, match=r"\.skops or \.textmill"):
        stored.save(fitted(), tmp_path / "m.pkl")


def disguised(module: str, name: str, argument: str) -> bytes:
    """A pickle that calls a function by any module and name, as only a hand-made one can."""
    encoded = [word.encode() for word in (module, name, argument)]
    words = [bytes([len(word)]) + word for word in encoded]
    return b"\x80\x04\x8c%b\x8c%b\x93\x8c%b\x85R." % tuple(words)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("sklearn.datasets._base", "os.system"),
        ("numpy.testing._private.utils", "runstring"),
        ("numpyevil", "run"),
        ("builtins", "getattr"),
    ],
)
def test_a_command_is_not_taken_for_a_part_of_scikit_learn(tmp_path: Path, module: str, name: str) -> None:
    """However its module is called: known parts are known by their full name."""
    path, marker = tmp_path / "m.pkl", tmp_path / "executed"
    path.write_bytes(disguised(module, name, f"touch {marker}"))
    found = stored.inspect(path)
    assert found.executes == (f"{module}.{name}",)
    assert "look at them" in str(found.details)
    assert not marker.exists()


def test_the_disguise_works_on_those_who_load_it(tmp_path: Path) -> None:
    """So the test above is about a real danger."""
    marker = tmp_path / "executed"
    pickle.loads(disguised("sklearn.datasets._base", "os.system", f"touch {marker}"))  # noqa: S301 - our own
    assert marker.exists()


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("name", CLASSIFIERS.keys() - {"forest"})
def test_a_plain_models_names_are_all_known(tmp_path: Path, name: str, protocol: int) -> None:
    """Whatever made the file; so that an unusual name stands out."""
    path = tmp_path / "m.pkl"
    for content in (fitted(CLASSIFIERS[name]), TfidfVectorizer(dtype=np.float32).fit(["a word"])):
        path.write_bytes(pickle.dumps(content, protocol))
        assert stored.inspect(path).executes == ()
        joblib.dump(content, path, protocol=protocol)
        assert stored.inspect(path).executes == ()


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_every_protocol_are_read(tmp_path: Path, protocol: int) -> None:
    """As the guide's readers wrote them, with pickle or with joblib."""
    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps(fitted(), protocol))
    assert stored.read(path, ModelSpec("m", str(path), trust=True)).predict(["great"])


def test_a_module_that_is_missing_is_named(tmp_path: Path) -> None:
    """A model that needs another library says which one."""
    path = tmp_path / "m.pkl"
    path.write_bytes(disguised("xgboost_of_tomorrow", "Model", "x"))
    with pytest.raises(ModelInvalidError, match="No module named 'xgboost_of_tomorrow'"):
        stored.read(path, ModelSpec("m", str(path), trust=True))


def entries_of(path: Path) -> dict[str, bytes]:
    """A zip as a dictionary."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


HOSTILE: dict[str, tuple[Callable[[dict[str, bytes]], Any], str]] = {
    "leads upwards": (
        lambda found: found.update({"../../evil": b"x"}),
        r"'\.\./\.\./evil', which leads elsewhere",
    ),
    "absolute": (lambda found: found.update({"/etc/evil": b"x"}), "leads elsewhere"),
    "a drive": (lambda found: found.update({"C:evil": b"x"}), "leads elsewhere"),
    "unpacks to far more": (
        lambda found: found.update({"big": bytes(pickles.SMALL)}),
        r"unpacks to \d+ bytes",
    ),
    "no json": (lambda found: found.update({"schema.json": b"{"}), "damaged"),
    "another json": (lambda found: found.update({"schema.json": b"[1]"}), "damaged"),
    "deep": (lambda found: found.update({"schema.json": b"[" * 100_000}), "damaged"),
    "no schema": (lambda found: found.pop("schema.json"), "damaged"),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_hostile_archive_is_refused(tmp_path: Path, how: str) -> None:
    """When it is loaded and when it is inspected, and nothing is written anywhere."""
    change, told = HOSTILE[how]
    path = tmp_path / "m.skops"
    stored.save(fitted(), path)
    entries = entries_of(path)
    change(entries)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    for use in (
        lambda: stored.read(path, ModelSpec("m", str(path), trust=True)),
        lambda: stored.inspect(path),
    ):
        with pytest.raises(ModelInvalidError, match=told):
            use()
    assert [path] == list(tmp_path.iterdir())


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    """What one reader checks, another must not skip."""
    path = tmp_path / "m.skops"
    stored.save(fitted(), path)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("schema.json", b"{}")
    with pytest.raises(ModelInvalidError, match="two entries of one name"):
        stored.inspect(path)


def test_a_pruned_vocabulary_does_not_become_a_file_for_each_term(tmp_path: Path) -> None:
    """One that skops alone would write; and the model answers as before."""
    texts = ["one two three", "two three four", "three four five"] * 2
    steps = [("v", TfidfVectorizer(max_features=3)), ("c", MultinomialNB())]
    model = Pipeline(steps).fit(texts, [0, 1, 0] * 2)
    skops.dump(model, tmp_path / "theirs.skops")
    stored.save(model, tmp_path / "ours.skops")
    many, few = (len(entries_of(tmp_path / f"{name}.skops")) for name in ("theirs", "ours"))
    assert 3 == many - few
    again = stored.read(tmp_path / "ours.skops", ModelSpec("m", "ours.skops"))
    assert np.array_equal(model.predict_proba(texts), again.predict_proba(texts))


def test_models_loaded_at_the_same_time_all_see_their_version(tmp_path: Path) -> None:
    """Recorded warnings belong to the process; without turns one thread would lose another's."""
    path = tmp_path / "m.skops"
    stored.save(fitted(), path)
    older(path)
    filters, missed = list(warnings.filters), []

    def load() -> None:
        try:
            stored.read(path, ModelSpec("m", str(path)))
        except ModelVersionError:
            return
        missed.append(1)

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == missed
    assert filters == list(warnings.filters)


def word(text: str) -> bytes:
    """The instruction for a short string."""
    return b"\x8c%b%b" % (bytes([len(text)]), text.encode())


def number(value: int) -> bytes:
    """The instruction for a number."""
    return b"J" + value.to_bytes(4, "little", signed=True)


def named(module: str, name: str) -> bytes:
    """The instruction for a class or function."""
    return word(module) + word(name) + b"\x93"


def dtype_state(width: int, flags: int) -> bytes:
    """The instruction that completes a dtype."""
    return b"(" + number(3) + word("<") + b"NNN" + number(width) + number(4) + number(flags) + b"tb"


def array_note(code: str, state: bytes, arguments: bytes, alignment: bytes) -> bytes:
    """What joblib writes before the bytes of an array of one element."""
    shape = word("shape") + number(1) + b"\x85"
    dtype = word("dtype") + named("numpy", "dtype") + word(code) + b"\x89\x88\x87R" + state
    facts = word("subclass") + named("numpy", "ndarray") + shape + word("order") + word("C") + dtype
    facts += word("allow_mmap") + b"\x89" + alignment
    return named("joblib.numpy_pickle", "NumpyArrayWrapper") + arguments + b"}(" + facts + b"ub"


UNALIGNED = word("numpy_array_alignment_bytes") + b"N"
SHAPED = named("numpy", "ndarray") + b")" + word("C") + named("numpy", "dtype") + word("i8") + b"\x85R"
DECEITS: dict[str, tuple[bytes, int, int]] = {
    "a width behind a sign": (array_note("<U5", b"", b")\x81", UNALIGNED), 5, 20),
    "a width in the state": (array_note("U1", dtype_state(20, 8), b")\x81", UNALIGNED), 4, 20),
    "a record's width in the state": (array_note("V4", dtype_state(20, 0), b")\x81", UNALIGNED), 4, 20),
    "an alignment by default": (array_note("i8", b"", b"(" + SHAPED + b"tR", b""), 8, 12),
}


@pytest.mark.parametrize("deceit", DECEITS)
def test_a_file_that_is_read_in_two_ways_is_not_called_harmless(tmp_path: Path, deceit: str) -> None:
    """Its bytes are an innocent end to one reader, and joblib steps over them to a command."""
    note, seen, real = DECEITS[deceit]
    path, marker = tmp_path / "m.joblib", tmp_path / "executed"
    command = named("os", "system") + word(f"touch {marker}") + b"\x85R."
    padding = bytes([real - seen - 1]) + bytes(
        seen - 1
    )  # the first byte is a length where there is an alignment
    path.write_bytes(b"\x80\x04" + note + (padding + b"0N.").ljust(real, b"\0") + b"0" + command)
    assert "do not trust it" in str(stored.inspect(path).details) or stored.inspect(path).executes
    assert not marker.exists()
    joblib.load(path)
    assert marker.exists(), "no real danger, so no real test"


@pytest.mark.parametrize(
    "array",
    [
        np.ones((2, 3), dtype=kind)
        for kind in ("i1", "i2", "i4", "i8", "u1", "u8", "f2", "f4", "f8", "c16", "?", ">f8")
    ]
    + [
        np.array(["a", "bcd"]),
        np.array([b"a", b"bcd"]),
        np.array([{}, None]),
        np.array([(1, 2.0)], dtype=[("node", "i4"), ("weight", "f8")]),
        np.array(5.0),
        np.empty((0, 3)),
    ],
    ids=lambda array: f"{array.dtype.str}{array.shape}",
)
def test_arrays_of_every_kind_that_models_hold_are_stepped_over(tmp_path: Path, array: Any) -> None:
    """What follows them is still found."""
    joblib.dump([array, os.path.join, np.asfortranarray(array), os.getcwd], tmp_path / "m.joblib")
    found = stored.inspect(tmp_path / "m.joblib")
    assert ("posix.getcwd", "posixpath.join") == found.executes
