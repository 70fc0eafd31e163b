"""The plain format: a linear text classifier as JSON, words and arrays, in a zip that executes nothing.

model.json      format version, vectorizer and classifier with their parameters, labels, model card
terms.txt       one term a line, UTF-8, in the order of the columns
idf.npy         float, (terms,); only for TF-IDF
coef.npy        float, (1 or labels, terms)
intercept.npy   float, (1 or labels,)
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from textmill.errors import ModelInvalidError
from textmill.runtimes.base import Inspection, Quality
from textmill.runtimes.digest import digest, size

SUFFIX = ".textmill"
VERSION = 1
MAX_ENTRY = 1 << 29
"""No entry may unpack to more bytes than this."""
PARTS = ("vectorizer", "classifier")
BINARY = 2
"""With two labels one row of coefficients decides."""
EPOCH = (1980, 1, 1, 0, 0, 0)

VECTORIZERS = {"TfidfVectorizer": TfidfVectorizer, "CountVectorizer": CountVectorizer}
COUNTING = ("analyzer", "binary", "lowercase", "ngram_range", "stop_words", "strip_accents", "token_pattern")
WEIGHTING = ("norm", "smooth_idf", "sublinear_tf", "use_idf")


@dataclass(frozen=True, slots=True)
class Card:
    """What a stored model says of itself."""

    description: str | None = None
    source: str | None = None
    licence: str | None = None
    language: str | None = None
    created: str | None = None
    trained_with: str | None = None
    quality: tuple[Quality, ...] = ()
    notes: tuple[str, ...] = ()


def write(path: Path, pipeline: Pipeline, card: Card) -> None:
    """Store a fitted pipeline of a TfidfVectorizer or CountVectorizer and a LogisticRegression.

    The same pipeline and card always give the same bytes.

    Raises:
        ModelInvalidError: it has other parts, which this format cannot hold.
    """
    vectorizer, classifier = _parts(pipeline)
    terms = _terms(vectorizer)
    arrays = {"coef": classifier.coef_, "intercept": classifier.intercept_}
    if _weighted(vectorizer):
        arrays["idf"] = vectorizer.idf_
    head = {
        "format": VERSION,
        "vectorizer": {"class": type(vectorizer).__name__, "parameters": _parameters(vectorizer)},
        "classifier": {"class": "LogisticRegression"},
        "labels": classifier.classes_.tolist(),
        "card": asdict(card),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        _put(archive, "model.json", json.dumps(head, indent=1, ensure_ascii=False).encode())
        _put(archive, "terms.txt", "\n".join(terms).encode())
        for name, array in sorted(arrays.items()):
            _put(archive, f"{name}.npy", _npy(array))


def read(path: Path) -> tuple[Pipeline, Card]:
    """Rebuild the pipeline from a file.

    Raises:
        ModelInvalidError: the file is damaged, or not of this format.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            head = json.loads(_get(archive, "model.json"))
            terms = _get(archive, "terms.txt").decode().split("\n")
            arrays = {
                name: np.load(io.BytesIO(_get(archive, f"{name}.npy")), allow_pickle=False)
                for name in ("coef", "intercept", *(("idf",) if _has_idf(head) else ()))
            }
        _check(head, terms, arrays)
        return _rebuild(head, terms, arrays), _card(head["card"])
    except ModelInvalidError:
        raise
    except (zipfile.BadZipFile, OSError, KeyError, TypeError, ValueError, EOFError) as error:
        raise ModelInvalidError(
            f"{path} is no intact {SUFFIX} file ({type(error).__name__}: {error})."
        ) from error


def inspect(path: Path) -> Inspection:
    """What a stored model says of itself."""
    try:
        with zipfile.ZipFile(path) as archive:
            head = json.loads(_get(archive, "model.json"))
            facts = {
                "vectorizer": head["vectorizer"]["class"],
                "classifier": head["classifier"]["class"],
                "labels": ", ".join(map(str, head["labels"])),
                **{name: value for name, value in head["card"].items() if isinstance(value, str)},
            }
    except (zipfile.BadZipFile, OSError, KeyError, TypeError, ValueError) as error:
        raise ModelInvalidError(f"{path} is no intact {SUFFIX} file ({type(error).__name__}).") from error
    return Inspection(
        path=str(path),
        format="plain",
        digest=digest(path),
        size=size(path),
        executes_code=False,
        details=tuple(facts.items()),
    )


def _parts(pipeline: Pipeline) -> tuple[Any, Any]:
    steps = [step for _, step in pipeline.steps]
    kinds = [type(step) for step in steps]
    if len(steps) != len(PARTS) or kinds[0] not in VECTORIZERS.values() or kinds[1] is not LogisticRegression:
        raise ModelInvalidError(
            f"A {SUFFIX} file holds a TfidfVectorizer or CountVectorizer with a LogisticRegression, not "
            f"{' and '.join(kind.__name__ for kind in kinds)}. Store it as .skops."
        )
    return steps[0], steps[1]


def _terms(vectorizer: Any) -> list[str]:
    terms = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)
    if any("\n" in term for term in terms):
        raise ModelInvalidError(f"A term with a line break cannot be stored as {SUFFIX}. Store it as .skops.")
    return terms


def _parameters(vectorizer: Any) -> dict[str, Any]:
    names = (*COUNTING, *(WEIGHTING if isinstance(vectorizer, TfidfVectorizer) else ()))
    found = {name: getattr(vectorizer, name) for name in names}
    if (
        callable(found["analyzer"])
        or callable(found["strip_accents"])
        or vectorizer.tokenizer
        or vectorizer.preprocessor
    ):
        raise ModelInvalidError(f"A vectorizer with functions of its own cannot be stored as {SUFFIX}.")
    if isinstance(found["stop_words"], (set, frozenset)):
        found["stop_words"] = sorted(found["stop_words"])
    return found


def _weighted(vectorizer: Any) -> bool:
    return isinstance(vectorizer, TfidfVectorizer) and bool(vectorizer.use_idf)


def _has_idf(head: dict[str, Any]) -> bool:
    described = head["vectorizer"]
    return described["class"] == "TfidfVectorizer" and bool(described["parameters"]["use_idf"])


def _put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


def _get(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > MAX_ENTRY:
        raise ModelInvalidError(f"Its entry {name} unpacks to more than {MAX_ENTRY} bytes.")
    return archive.read(name)


def _npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def _check(head: dict[str, Any], terms: list[str], arrays: dict[str, Any]) -> None:
    labels = len(head["labels"])
    rows = 1 if labels == BINARY else labels
    shapes = {"coef": (rows, len(terms)), "intercept": (rows,), "idf": (len(terms),)}
    if head["format"] != VERSION:
        raise ModelInvalidError(f"It has format version {head['format']}; this textmill reads {VERSION}.")
    for name, array in arrays.items():
        if array.shape != shapes[name] or not np.isfinite(array).all():
            raise ModelInvalidError(
                f"Its {name} has shape {array.shape} instead of {shapes[name]}, or no numbers."
            )
    if len(set(terms)) != len(terms):
        raise ModelInvalidError("It lists a term twice.")


def _rebuild(head: dict[str, Any], terms: list[str], arrays: dict[str, Any]) -> Pipeline:
    described = head["vectorizer"]
    parameters = dict(described["parameters"])
    parameters["ngram_range"] = tuple(parameters["ngram_range"])
    unknown = parameters.keys() - {*COUNTING, *WEIGHTING}
    if unknown:
        raise ModelInvalidError(f"Its vectorizer has unknown parameters: {', '.join(sorted(unknown))}.")
    vectorizer = VECTORIZERS[described["class"]](
        **parameters, vocabulary={term: at for at, term in enumerate(terms)}
    )
    vectorizer.fixed_vocabulary_ = True
    vectorizer.vocabulary_ = vectorizer.vocabulary
    if "idf" in arrays:
        vectorizer.idf_ = arrays["idf"].astype(np.float64)
    elif isinstance(vectorizer, TfidfVectorizer):
        weights = TfidfTransformer(**{name: parameters[name] for name in WEIGHTING})
        weights.n_features_in_ = len(terms)
        vectorizer._tfidf = weights  # noqa: SLF001 - what its fit would have made
    classifier = LogisticRegression()
    classifier.classes_ = np.array(head["labels"])
    classifier.coef_ = arrays["coef"].astype(np.float64)
    classifier.intercept_ = arrays["intercept"].astype(np.float64)
    classifier.n_features_in_ = len(terms)
    return Pipeline(list(zip(PARTS, (vectorizer, classifier), strict=True)))


def _card(found: dict[str, Any]) -> Card:
    known = {field.name for field in fields(Card)}
    if unknown := found.keys() - known:
        raise ModelInvalidError(f"Its card has unknown fields: {', '.join(sorted(unknown))}.")
    quality = tuple(Quality(**row) for row in found.get("quality", ()))
    return Card(**{**found, "quality": quality, "notes": tuple(found.get("notes", ()))})


def trained_here() -> str:
    """What `Card.trained_with` says of a model that was fitted in this process."""
    return str(sklearn.__version__)
