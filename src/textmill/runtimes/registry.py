"""Which runtime loads which stored model. Libraries are imported when a model needs them."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Literal, TypeAlias

from textmill.errors import MissingExtraError, ModelDigestError, ModelInvalidError, ModelNotFoundError
from textmill.runtimes.base import Inspection, ModelSpec, Runtime
from textmill.runtimes.digest import combined, digest
from textmill.runtimes.verification import Candidate, read_texts, settle

Kind: TypeAlias = Literal["sklearn", "spacy"]

PLAIN = ".textmill"
"""As in `plain`, which imports numpy: here, before threads are planned, that is too early."""
SUFFIXES = (".skops", PLAIN, ".joblib", ".pkl", ".pickle")

PIPELINE = "en_core_web_sm"
ACCEPTED = f"a file ({', '.join(SUFFIXES)}), a spaCy pipeline's folder or the name of an installed package"

DEFAULT_MODELS: Mapping[str, ModelSpec] = {
    "entities": ModelSpec("entities", PIPELINE),
    "sentiment": ModelSpec("sentiment", str(files("textmill") / "models" / "sentiment.textmill")),
}
"""What is served when nothing is configured."""

SHOWN = 12
"""Hex digits of a digest in a message."""

NEEDS: Mapping[Kind, tuple[str, ...]] = {"sklearn": ("sklearn", "skops", "joblib"), "spacy": ("spacy",)}


def load(spec: ModelSpec) -> Runtime:
    """Load a model: its compiled form where it has one and that is proven, else the library's own code.

    Raises:
        ModelError: it cannot be served.
        MissingExtraError: its library is not installed.
    """
    return settle(candidate(spec), spec)


def candidate(spec: ModelSpec) -> Candidate:
    """A model's native runtime, with its compiled form beside it where there is one.

    Raises:
        ModelError, MissingExtraError: as `load`.
    """
    if check(spec) == "sklearn":
        return _classifier(spec)
    _check_digest(spec)  # not in `check`: to find a pipeline imports spaCy
    return _pipeline(spec)


def _classifier(spec: ModelSpec) -> Candidate:
    from textmill.runtimes.sklearn import native

    runtime = native.load(spec)
    if spec.runtime == "native":
        return Candidate(runtime)
    from textmill.runtimes.linear import compiled

    return _readable(runtime, lambda: compiled.candidate(runtime, runtime.pipeline))


def _pipeline(spec: ModelSpec) -> Candidate:
    from textmill.runtimes.spacy import native

    runtime = native.load(spec)
    if spec.runtime == "native":
        return Candidate(runtime)
    from textmill.runtimes.convolutional import compiled

    return _readable(runtime, lambda: compiled.candidate(runtime, runtime.nlp))


def _readable(runtime: Runtime, compile_it: Callable[[], Candidate]) -> Candidate:
    """A candidate, or why there is none: a model of another version may lack what its kind usually has."""
    try:
        return compile_it()
    except Exception as error:  # noqa: BLE001 - the library may serve it all the same
        return Candidate(runtime, reason=f"Its structure could not be read ({type(error).__name__}).")


def inspect(spec: ModelSpec) -> Inspection:
    """What a stored model is; nothing of it is executed.

    Raises:
        ModelError: there is no such model.
        MissingExtraError: its library is not installed.
    """
    if _kind(spec) == "spacy":
        _require("spacy")
        from textmill.runtimes.spacy import native

        return native.inspect(spec.path)
    _require("sklearn")
    from textmill.runtimes.sklearn import plain, stored

    path = Path(spec.path)
    found = plain.inspect(path) if path.suffix == plain.SUFFIX else stored.inspect(path)
    return replace(found, digest=identity(spec)) if spec.vectorizer else found


def identity(spec: ModelSpec) -> str:
    """The digest of all files of a model, as its card has it; nothing of it is executed.

    Raises:
        ModelError: there is no such model.
    """
    if _kind(spec) == "spacy":
        from textmill.runtimes.spacy import native

        return digest(native.find(spec.path).folder)
    if not spec.vectorizer:
        return digest(Path(spec.path))
    if not Path(spec.vectorizer).is_file():
        raise ModelNotFoundError(f"The vectorizer {spec.vectorizer} of model {spec.name!r} does not exist.")
    return combined([digest(Path(spec.path)), digest(Path(spec.vectorizer))])


def check(spec: ModelSpec) -> Kind:
    """What can be known of a model without loading it: it exists, is trusted, is the one that was pinned.

    Texts to verify it with can be read.

    Raises:
        ModelError, MissingExtraError: as `load` would.
    """
    kind = _kind(spec)
    _require(kind)
    if kind == "sklearn":
        _check_trust(spec)
        _check_digest(spec)
    if spec.verify_with and spec.runtime != "native":
        read_texts(Path(spec.verify_with))
    return kind


def is_heavy(spec: ModelSpec) -> bool:
    """Whether a model of this kind usually takes milliseconds for a text, as far as can be known before."""
    return _kind(spec) == "spacy" and (spec.runtime == "native" or spec.sentences == "parser")


def _check_trust(spec: ModelSpec) -> None:
    """Both files of a pair execute code, so both are checked; `load` says what is missing."""
    from textmill.runtimes.sklearn import stored

    path = Path(spec.path)
    if path.suffix == PLAIN:
        return
    stored.check_trust(path, spec)
    if spec.vectorizer and Path(spec.vectorizer).is_file():
        stored.check_trust(Path(spec.vectorizer), spec)


def _check_digest(spec: ModelSpec) -> None:
    if spec.sha256 is None:
        return
    wanted, found = spec.sha256.removeprefix("sha256:"), identity(spec).removeprefix("sha256:")
    if found != wanted:
        raise ModelDigestError(
            f"The model {spec.name!r} at {spec.path} has the digest {found[:SHOWN]}..., and "
            f"{wanted[:SHOWN]}... is pinned (sha256), so it is not loaded. If you changed it, look at it "
            "with 'textmill inspect' and pin what that shows; else restore its files, and find out who "
            "changed them."
        )


def _kind(spec: ModelSpec) -> Kind:
    try:
        return _kind_at(Path(spec.path), spec)
    except OSError as error:  # a path that is too long, a folder that may not be entered
        raise ModelNotFoundError(
            f"The path of model {spec.name!r} cannot be looked at: {error.strerror}. Give another one."
        ) from error


def _kind_at(path: Path, spec: ModelSpec) -> Kind:
    if path.is_dir():
        if (path / "config.cfg").is_file():
            return "spacy"
        raise ModelInvalidError(f"{path} is a folder without config.cfg, so it is no spaCy pipeline.")
    if path.is_file():
        if path.suffix in SUFFIXES:
            return "sklearn"
        raise ModelInvalidError(f"{path} has no known suffix. Give {ACCEPTED}.")
    if _is_package(spec.path):
        return "spacy"
    raise ModelNotFoundError(f"There is no model at {spec.path!r} (model {spec.name!r}).{_hint(path)}")


def _is_package(name: str) -> bool:
    """Whether it names an installed package, or the one that is looked up under another name."""
    if not name.isidentifier():
        return False
    try:
        return name == PIPELINE or importlib.util.find_spec(name) is not None
    except ValueError:  # how find_spec speaks of a module that has no spec, such as __main__
        return False


def _hint(path: Path) -> str:
    """What might have been meant, or else what is accepted."""
    if path.is_symlink():
        return f" It is a link to {path.readlink()}, which does not exist."
    if not path.parent.is_dir():
        return f" The folder {path.parent} does not exist."
    beside = [entry.name for entry in path.parent.iterdir() if entry.is_dir() or entry.suffix in SUFFIXES]
    close = difflib.get_close_matches(path.name, {*beside, PIPELINE} - {path.name}, n=3)
    return f" Did you mean {', '.join(close)}?" if close else f" Give {ACCEPTED}."


def _require(kind: Kind) -> None:
    for module in NEEDS[kind]:
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(f"Serving a {kind} model", kind)
