"""A model whose digest is pinned loads as long as it is the same, and nothing of another one is executed."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.runtimes.models import fitted
from textmill.engine.executors import LocalExecutor, ProcessExecutor
from textmill.errors import ModelDigestError
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.digest import digest
from textmill.runtimes.registry import DEFAULT_MODELS, check, identity, inspect, load
from textmill.runtimes.sklearn import stored
from textmill.runtimes.spacy import native


class Evil:
    """Leaves a file behind where it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.trace,)


def pickled(path: Path, thing: Any) -> Path:
    """A thing in a file."""
    path.write_bytes(pickle.dumps(thing))
    return path


def pinned(spec: ModelSpec) -> ModelSpec:
    """A model, pinned as it is now."""
    return replace(spec, sha256=inspect(spec).digest)


def a_plain_file(folder: Path) -> ModelSpec:
    """The format of ours."""
    path = folder / "m.textmill"
    shutil.copy(DEFAULT_MODELS["sentiment"].path, path)
    return ModelSpec("m", str(path))


def a_skops_file(folder: Path) -> ModelSpec:
    """A format that executes nothing."""
    stored.save(fitted(), folder / "m.skops")
    return ModelSpec("m", str(folder / "m.skops"))


def a_pair(folder: Path) -> ModelSpec:
    """Two files that execute code."""
    whole = fitted()
    model = pickled(folder / "model.pkl", whole.steps[1][1])
    vectorizer = pickled(folder / "vectors.pkl", whole.steps[0][1])
    return ModelSpec("m", str(model), str(vectorizer), trust=True)


def a_folder(folder: Path) -> ModelSpec:
    """A spaCy pipeline."""
    shutil.copytree(native.find("en_core_web_sm").folder, folder / "pipeline")
    return ModelSpec("m", str(folder / "pipeline"))


KINDS = (a_plain_file, a_skops_file, a_pair, a_folder)


@pytest.mark.parametrize("kind", KINDS)
def test_what_inspect_shows_can_be_pinned(tmp_path: Path, kind: Callable[[Path], ModelSpec]) -> None:
    """It is the digest of the model's card, with or without the prefix."""
    spec = pinned(kind(tmp_path))
    assert spec.sha256 == load(spec).info.digest == identity(spec)
    load(replace(spec, sha256=(spec.sha256 or "").removeprefix("sha256:")))


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_file_does_not_load(tmp_path: Path, kind: Callable[[Path], ModelSpec]) -> None:
    """Whichever of its files it is; the message has both digests, and what to do."""
    spec = pinned(kind(tmp_path))
    for file in [each for each in tmp_path.rglob("*") if each.is_file()]:
        kept = file.read_bytes()
        file.write_bytes(kept + b" ")
        with pytest.raises(ModelDigestError, match="textmill inspect") as refused:
            load(spec)
        assert (spec.sha256 or "")[7:19] in str(refused.value)
        assert identity(spec)[7:19] in str(refused.value)
        file.write_bytes(kept)
    load(spec)


def test_another_file_in_the_folder_is_a_change(tmp_path: Path) -> None:
    """A component that was slipped in."""
    spec = pinned(a_folder(tmp_path))
    (Path(spec.path) / "more").touch()
    with pytest.raises(ModelDigestError):
        load(spec)


def test_nothing_of_a_changed_pickle_is_executed(tmp_path: Path) -> None:
    """Neither of the model nor of its vectorizer, although both are trusted."""
    trace = tmp_path / "trace"
    for name in ("model.pkl", "vectors.pkl"):
        spec = pinned(a_pair(tmp_path))
        pickled(tmp_path / name, Evil(trace))
        for use in (check, load):
            with pytest.raises(ModelDigestError):
                use(spec)
    assert not trace.exists()


def test_a_vectorizer_that_nobody_named_is_not_loaded(tmp_path: Path) -> None:
    """The model alone was pinned, so what lies beside it was not."""
    trace = tmp_path / "trace"
    whole = fitted()
    model = pickled(tmp_path / "model.pkl", whole.steps[1][1])
    pickled(tmp_path / "vectorizer.pkl", Evil(trace))
    with pytest.raises(ModelDigestError, match="name the other file too"):
        load(ModelSpec("m", str(model), trust=True, sha256=digest(model)))
    assert not trace.exists()


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_a_reload_checks_again(tmp_path: Path, kind: str) -> None:
    """In this process and in a worker of its own."""
    spec = pinned(a_skops_file(tmp_path))
    executor = LocalExecutor(spec) if kind == "thread" else ProcessExecutor(spec, stuck_seconds=30)
    assert spec.sha256 == executor.load().digest
    executor.close()
    stored.save(fitted(labels=["other", "labels"] * 15), Path(spec.path))
    with pytest.raises(Exception, match="is pinned"):
        executor.load()
    executor.close()
