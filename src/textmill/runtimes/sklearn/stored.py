"""Read and write scikit-learn models: skops, joblib and pickle.

Loading joblib or pickle executes code from the file, so it takes explicit trust. skops builds objects of
known types only; it is what we write.

What skops costs grows with the vocabulary. Measured on one core, TF-IDF and logistic regression:

    terms      skops: write, load, size      .textmill: write, load
    5,000       0.2 s,  0.4 s,  3 MB          0.01 s, 0.01 s
    20,000      1.2 s,  1.2 s, 13 MB          0.02 s, 0.02 s
    100,000     4.0 s,  3.3 s, 64 MB          0.11 s, 0.06 s

So prefer `.textmill` above some 20,000 terms. A file that `skops.dump` wrote itself may be far slower: where
`max_features` or `min_df` has pruned the vocabulary, its numbers are numpy scalars, each of which becomes an
entry of the zip (10,000 terms: 3.6 s to write instead of 0.3 s, growing with the square). `save` avoids that.
"""

from __future__ import annotations

import threading
import warnings
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from textmill.errors import ModelError, ModelInvalidError, ModelUntrustedError, ModelVersionError
from textmill.runtimes.base import Inspection, ModelSpec
from textmill.runtimes.digest import digest, size
from textmill.runtimes.sklearn import pickles

SKOPS = frozenset({".skops"})
EXECUTING = frozenset({".joblib", ".pkl", ".pickle"})

KNOWN_SAFE = frozenset({
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.utils._bunch.Bunch",
})
"""Private parts of scikit-learn's classifiers that skops does not know; none runs code of the file.

Trees and sparse matrices are left out on purpose: compiled code follows the numbers in them unchecked.
"""

KNOWN_PICKLED = KNOWN_SAFE | {
    "_codecs.encode",
    "builtins.bytes",
    "builtins.dict",
    "builtins.frozenset",
    "builtins.list",
    "builtins.object",
    "builtins.set",
    "builtins.slice",
    "builtins.tuple",
    "collections.OrderedDict",
    "collections.defaultdict",
    "copyreg._reconstructor",
    "joblib.numpy_pickle.NumpyArrayWrapper",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.numeric._frombuffer",
    "numpy.bool",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.core.numeric._frombuffer",
    "numpy.dtype",
    "numpy.float32",
    "numpy.float64",
    "numpy.int32",
    "numpy.int64",
    "numpy.ndarray",
    "sklearn.linear_model._sgd_fast.Hinge",
    "sklearn.linear_model._sgd_fast.Log",
    "sklearn.linear_model._sgd_fast.ModifiedHuber",
    "sklearn.linear_model._sgd_fast.SquaredHinge",
}
"""What pickled text classifiers ask for beyond scikit-learn's estimators, name by name.

Never by prefix: a pickle reaches `os.system` as `sklearn.datasets._base` and `os.system`, too.
"""

_one_at_a_time = threading.Lock()
"""Recorded warnings are the process's, not the thread's; two loads at once would lose each other's."""


def read(path: Path, spec: ModelSpec) -> Any:
    """Load one stored object.

    Raises:
        ModelUntrustedError: loading would execute code, or build types nobody vouched for.
        ModelVersionError: another version of scikit-learn wrote it.
        ModelInvalidError: it is damaged.
    """
    check_trust(path, spec)
    loader: Callable[[], Any] = (
        (lambda: _skops(path, spec)) if path.suffix in SKOPS else (lambda: _joblib(path))
    )
    with _one_at_a_time, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = loader()
        except ModelError:
            raise
        except Exception as error:
            _refuse_other_version(caught, path, spec)
            raise _unreadable(path, error) from error
    _refuse_other_version(caught, path, spec)
    return found


def check_trust(path: Path, spec: ModelSpec) -> None:
    """Refuse a file whose loading executes code, unless the operator has vouched for it.

    Whatever is not skops is read as a pickle, so every other suffix needs trust, known or not.
    """
    if path.suffix not in SKOPS and not spec.trust:
        kind = f"is a {path.suffix[1:]} file" if path.suffix in EXECUTING else "would be read as a pickle"
        raise ModelUntrustedError(
            f"{path} {kind}: loading it executes code that the file brings. If you know where it comes from "
            f"and that its digest is {digest(path)}, allow it with --trust (or trust = true in "
            "textmill.toml). 'textmill inspect' shows what it asks for; storing the model as .skops needs no "
            "trust."
        )


def save(model: Any, path: Path) -> None:
    """Write a model as `.skops`.

    Where a vocabulary holds numpy's numbers, they become Python's, in the model too; they are equal.

    Raises:
        ModelInvalidError: the suffix is another one.
    """
    if path.suffix not in SKOPS:
        raise ModelInvalidError(
            f"Models are written as .skops or .textmill, not as {path.suffix or 'that'!r}."
        )
    from skops import io as skops

    _plain_numbers(model)
    skops.dump(model, path)


def inspect(path: Path) -> Inspection:
    """What a stored object is and asks for; nothing of it is executed."""
    executing = path.suffix not in SKOPS
    executes, details = _inspect_pickle(path) if executing else _inspect_skops(path)
    return Inspection(
        path=str(path),
        format=path.suffix[1:],
        digest=digest(path),
        size=size(path),
        executes_code=executing,
        executes=executes,
        details=details,
    )


def _inspect_pickle(path: Path) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    try:
        found = pickles.names(path)
    except pickles.UnreadablePickleError as error:
        return (), (("unreadable", f"the file could not be followed to its end: {error}; do not trust it"),)
    unusual = tuple(_shown(name) for name in found if name not in KNOWN_PICKLED | _estimators())
    verdict = (
        "some are no known parts of scikit-learn models; look at them"
        if unusual
        else "all are known parts of scikit-learn models"
    )
    return unusual, (
        ("asks for", f"{len(found)} classes and functions; {verdict}"),
        ("mind", "a file made to deceive can hide names; what counts is where it comes from, and its digest"),
    )


def _shown(name: str) -> str:
    """A name as it can be printed: the file chooses it, and could move a terminal's cursor over the truth."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


@cache
def _estimators() -> frozenset[str]:
    """Every estimator of the installed scikit-learn, as `module.name`."""
    from sklearn.utils import all_estimators

    return frozenset(f"{kind.__module__}.{kind.__qualname__}" for _, kind in all_estimators())


def _inspect_skops(path: Path) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    untrusted = _untrusted(path)
    verdict = "types that need trust" if untrusted else "known types only"
    return tuple(map(_shown, untrusted)), (("builds", verdict),)


def check_archive(path: Path) -> None:
    """Refuse a zip that would fill the memory, or whose names lead elsewhere; nothing is unpacked.

    Raises:
        ModelInvalidError: saying which, or that it is no zip.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ModelInvalidError(f"{path} is no zip archive, or damaged ({type(error).__name__}).") from error
    unpacked = sum(entry.file_size for entry in entries)
    limit = pickles.most(path.stat().st_size)
    if unpacked > limit:
        raise ModelInvalidError(f"{path} unpacks to {unpacked} bytes; at most {limit} are read.")
    names = [entry.filename for entry in entries]
    astray = [name for name in names if _leads_elsewhere(name)]
    if astray or len(set(names)) != len(names):
        why = f"the entry {astray[0]!r}, which leads elsewhere" if astray else "two entries of one name"
        raise ModelInvalidError(f"{path} has {why}. Do not use it.")


def _leads_elsewhere(name: str) -> bool:
    return name.startswith("/") or "\\" in name or ":" in name or ".." in PurePosixPath(name).parts


def _untrusted(path: Path) -> list[str]:
    from skops import io as skops

    check_archive(path)
    try:
        return sorted(set(skops.get_untrusted_types(file=path)) - KNOWN_SAFE)
    except Exception as error:
        raise ModelInvalidError(f"{path} is no skops file, or damaged ({type(error).__name__}).") from error


def _skops(path: Path, spec: ModelSpec) -> Any:
    from skops import io as skops

    untrusted = _untrusted(path)
    if untrusted and not spec.trust:
        raise ModelUntrustedError(
            f"{path} builds objects of types that nobody vouched for: {', '.join(map(_shown, untrusted))}. "
            "If they are yours, allow them with --trust (or trust = true in textmill.toml)."
        )
    return skops.load(path, trusted=[*KNOWN_SAFE, *untrusted])


def _joblib(path: Path) -> Any:
    import joblib

    return joblib.load(path)


def _unreadable(path: Path, error: Exception) -> ModelInvalidError:
    """What went wrong, with the name that is missing: other texts of errors may quote the file."""
    missing = isinstance(error, ImportError | AttributeError)
    return ModelInvalidError(
        f"{path} cannot be read as a {path.suffix[1:]} file ({type(error).__name__}"
        f"{f': {error}' if missing else ''}). Is it complete, and is everything installed that it needs? "
        "'textmill inspect' lists what it asks for."
    )


def _plain_numbers(model: Any) -> None:
    """Make each vocabulary's numbers Python's own; skops would write one file for each."""
    parts = [model, *model.get_params(deep=True).values()] if hasattr(model, "get_params") else []
    for part in parts:
        vocabulary = getattr(part, "vocabulary_", None)
        if isinstance(vocabulary, dict):
            part.vocabulary_ = {term: int(at) for term, at in vocabulary.items()}


def _refuse_other_version(caught: list[warnings.WarningMessage], path: Path, spec: ModelSpec) -> None:
    from sklearn.exceptions import InconsistentVersionWarning

    for warning in caught:
        if isinstance(warning.message, InconsistentVersionWarning) and not spec.allow_version_mismatch:
            raise ModelVersionError(
                f"{path} was written by scikit-learn {warning.message.original_sklearn_version}, and "
                f"{warning.message.current_sklearn_version} is installed; answers could differ silently. "
                f"Install scikit-learn=={warning.message.original_sklearn_version}, store the model anew, or "
                "set allow_version_mismatch = true after comparing answers."
            )
