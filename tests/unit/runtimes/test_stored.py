"""Stored models: trust, versions, damage."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from skops import io as skops

from tests.unit.runtimes.models import CLASSIFIERS, UNSEEN, fitted
from textmill.errors import ModelInvalidError, ModelUntrustedError, ModelVersionError
from textmill.runtimes import pickles, registry, stored
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.digest import digest


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
    assert pickles.unusual(names) == ["posixpath.join"]


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
    with pytest.raises(ModelVersionError, match=r"1\.2\.3"):
        stored.read(path, ModelSpec("m", str(path)))


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
