"""Read and write scikit-learn models: skops, joblib and pickle.

Loading joblib or pickle executes code from the file, so it takes explicit trust. skops builds objects of
known types only; it is what we write. Its vocabulary is slow, though: prefer `.textmill` above 20,000 terms.
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textmill.errors import ModelInvalidError, ModelUntrustedError, ModelVersionError
from textmill.runtimes import pickles
from textmill.runtimes.base import Inspection, ModelSpec
from textmill.runtimes.digest import digest, size

SKOPS = frozenset({".skops"})
EXECUTING = frozenset({".joblib", ".pkl", ".pickle"})

KNOWN_SAFE = frozenset({
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
})
"""Private parts of CalibratedClassifierCV that skops does not know; none runs code of the file."""


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
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = loader()
        except ModelUntrustedError:
            raise
        except Exception as error:
            _refuse_other_version(caught, path, spec)
            raise ModelInvalidError(
                f"{path} cannot be read as a {path.suffix[1:]} file ({type(error).__name__}). Is it "
                "complete, and is everything installed that it needs? 'textmill inspect' lists what it "
                "asks for."
            ) from error
    _refuse_other_version(caught, path, spec)
    return found


def check_trust(path: Path, spec: ModelSpec) -> None:
    """Refuse a file whose loading executes code, unless the operator has vouched for it."""
    if path.suffix in EXECUTING and not spec.trust:
        raise ModelUntrustedError(
            f"{path} is a {path.suffix[1:]} file: loading it executes code that the file brings. If you know "
            f"where it comes from and that its digest is {digest(path)}, allow it with --trust (or trust = "
            "true in textmill.toml). 'textmill inspect' shows what it asks for; storing the model as .skops "
            "needs no trust."
        )


def save(model: Any, path: Path) -> None:
    """Write a model as `.skops`.

    Raises:
        ModelInvalidError: the suffix is another one.
    """
    if path.suffix not in SKOPS:
        raise ModelInvalidError(
            f"Models are written as .skops or .textmill, not as {path.suffix or 'that'!r}."
        )
    from skops import io as skops

    skops.dump(model, path)


def inspect(path: Path) -> Inspection:
    """What a stored object is and asks for; nothing of it is executed."""
    executing = path.suffix in EXECUTING
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
    unusual = pickles.unusual(found)
    verdict = (
        "some names are no part of scikit-learn; look at them" if unusual else "only scikit-learn's parts"
    )
    return tuple(unusual or found), (("asks for", f"{len(found)} classes and functions; {verdict}"),)


def _inspect_skops(path: Path) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    untrusted = _untrusted(path)
    verdict = "types that need trust" if untrusted else "known types only"
    return tuple(untrusted), (("builds", verdict),)


def _untrusted(path: Path) -> list[str]:
    from skops import io as skops

    try:
        return sorted(set(skops.get_untrusted_types(file=path)) - KNOWN_SAFE)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise ModelInvalidError(f"{path} is no skops file, or damaged ({type(error).__name__}).") from error


def _skops(path: Path, spec: ModelSpec) -> Any:
    from skops import io as skops

    untrusted = _untrusted(path)
    if untrusted and not spec.trust:
        raise ModelUntrustedError(
            f"{path} builds objects of types that nobody vouched for: {', '.join(untrusted)}. If they are "
            "yours, allow them with --trust (or trust = true in textmill.toml)."
        )
    return skops.load(path, trusted=[*KNOWN_SAFE, *untrusted])


def _joblib(path: Path) -> Any:
    import joblib

    try:
        return joblib.load(path)
    except (KeyError, UnicodeDecodeError):  # joblib's way to say: a plain pickle of an old protocol
        with path.open("rb") as stream:
            return pickle.load(stream)  # noqa: S301 - the operator trusts it, see check_trust


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
