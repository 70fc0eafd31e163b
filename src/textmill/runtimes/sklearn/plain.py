"""The plain format: a linear text classifier as JSON, words and arrays, in a zip that executes nothing.

model.json      format version, vectorizer and classifier with their parameters, labels, model card
terms.txt       one term a line, UTF-8, in the order of the columns
idf.npy         float32 or float64, (terms,); only for TF-IDF
coef.npy        float32 or float64, (1 or labels, terms)
intercept.npy   float32 or float64, (1 or labels,)

Nothing else may be in the file: every parameter, label and number is checked before anything is built of it.
A token pattern is a regular expression that runs on callers' texts: look at it before you serve a stranger's.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
import sklearn
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from textmill.errors import ModelInvalidError
from textmill.runtimes.base import Inspection, Quality
from textmill.runtimes.digest import digest, size
from textmill.runtimes.sklearn.description import (
    BINARY,
    COUNTING,
    VECTORIZERS,
    WEIGHTING,
    all_of,
    check_labels,
    check_vectorizer,
)
from textmill.runtimes.sklearn.stored import check_archive

SUFFIX = ".textmill"
VERSION = 1
MAX_ENTRY = 1 << 29
"""No entry may unpack to more bytes than this."""
PARTS = ("vectorizer", "classifier")
EPOCH = (1980, 1, 1, 0, 0, 0)

DTYPES = {"TfidfVectorizer": "float64", "CountVectorizer": "int64"}
"""What a vectorizer counts in where the file does not say."""
FLOATS = (np.dtype("<f4"), np.dtype("<f8"))
HEAD = frozenset({"format", "vectorizer", "classifier", "labels", "card"})


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

    The same pipeline and card always give the same bytes. What cannot be read again is not written.

    Raises:
        ModelInvalidError: it has other parts, which this format cannot hold.
    """
    stream = io.BytesIO()
    try:
        _encode(stream, pipeline, card)
        _decode(stream)
    except UnicodeEncodeError as error:
        raise ModelInvalidError(
            f"A term, a label or the card of the model cannot be written as UTF-8 ({error.reason}). Terms of "
            "such kinds can be stored as .skops."
        ) from error
    path.write_bytes(stream.getvalue())


def read(path: Path) -> tuple[Pipeline, Card]:
    """Rebuild the pipeline from a file.

    Raises:
        ModelInvalidError: the file is damaged, or not of this format.
    """
    check_archive(path)
    try:
        return _decode(path)
    except Exception as error:
        raise _damaged(path, error) from error


def inspect(path: Path) -> Inspection:
    """What a stored model says of itself.

    Raises:
        ModelInvalidError: the file is damaged, or not of this format.
    """
    check_archive(path)
    try:
        with zipfile.ZipFile(path) as archive:
            head = _head(archive)
    except Exception as error:
        raise _damaged(path, error) from error
    facts = {
        "vectorizer": head["vectorizer"]["class"],
        "classifier": head["classifier"]["class"],
        "labels": ", ".join(map(str, head["labels"])),
        "token pattern": str(head["vectorizer"]["parameters"]["token_pattern"]),
        **{name: value for name, value in head["card"].items() if isinstance(value, str)},
    }
    details = tuple(facts.items())
    return Inspection(str(path), "plain", digest(path), size(path), executes_code=False, details=details)


def _encode(stream: IO[bytes], pipeline: Pipeline, card: Card) -> None:
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
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        _put(archive, "model.json", json.dumps(head, indent=1, ensure_ascii=False).encode())
        _put(archive, "terms.txt", "\n".join(terms).encode())
        for name, array in sorted(arrays.items()):
            _put(archive, f"{name}.npy", _npy(array))


def _decode(file: Path | IO[bytes]) -> tuple[Pipeline, Card]:
    with zipfile.ZipFile(file) as archive:
        head = _head(archive)
        terms = _get(archive, "terms.txt").decode().split("\n")
        names = ("coef", "intercept", *(("idf",) if _has_idf(head) else ()))
        entries = {"model.json", "terms.txt", *(f"{name}.npy" for name in names)}
        if unknown := set(archive.namelist()) - entries:
            raise ModelInvalidError(f"It has unknown entries: {', '.join(sorted(unknown))}.")
        arrays = {name: _floats(_get(archive, f"{name}.npy"), name) for name in names}
    _check(head, terms, arrays)
    return _rebuild(head, terms, arrays), _card(head["card"])


def _damaged(path: Path, error: Exception) -> ModelInvalidError:
    """One error for all that a damaged archive can raise, on any level of its reading."""
    why = str(error) if isinstance(error, ModelInvalidError) else f"{type(error).__name__}: {error}"
    return ModelInvalidError(f"{path} is no intact {SUFFIX} file. {why}")


def _parts(pipeline: Any) -> tuple[Any, Any]:
    steps = [step for _, step in pipeline.steps] if isinstance(pipeline, Pipeline) else [pipeline]
    kinds = [type(step) for step in steps]
    if len(steps) != len(PARTS) or kinds[0] not in VECTORIZERS.values() or kinds[1] is not LogisticRegression:
        raise ModelInvalidError(
            f"A {SUFFIX} file holds a TfidfVectorizer or CountVectorizer with a LogisticRegression, not "
            f"{' and '.join(kind.__name__ for kind in kinds)}. Store it as .skops."
        )
    if not hasattr(steps[0], "vocabulary_") or not hasattr(steps[1], "coef_"):
        raise ModelInvalidError("The model is not fitted; there is nothing to store yet.")
    if _one_against_the_rest(steps[1]):
        raise ModelInvalidError(
            f"One label against the rest cannot be stored as {SUFFIX}. Store it as .skops."
        )
    return steps[0], steps[1]


def _one_against_the_rest(classifier: Any) -> bool:
    """Whether an older scikit-learn fitted it so; its scores are no softmax."""
    several = len(classifier.classes_) > BINARY
    return several and (classifier.solver == "liblinear" or getattr(classifier, "multi_class", None) == "ovr")


def _terms(vectorizer: Any) -> list[str]:
    terms = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)
    if any("\n" in term for term in terms):
        raise ModelInvalidError(f"A term with a line break cannot be stored as {SUFFIX}. Store it as .skops.")
    return terms


def _parameters(vectorizer: Any) -> dict[str, Any]:
    names = (*COUNTING, *(WEIGHTING if isinstance(vectorizer, TfidfVectorizer) else ()))
    found = {name: _as_json(getattr(vectorizer, name)) for name in names}
    if any(map(callable, (*found.values(), vectorizer.tokenizer, vectorizer.preprocessor))):
        raise ModelInvalidError(f"A vectorizer with functions of its own cannot be stored as {SUFFIX}.")
    if vectorizer.input != "content":
        raise ModelInvalidError(f"A vectorizer that reads files cannot be stored as {SUFFIX}.")
    dtype = np.dtype(vectorizer.dtype).name
    return found if dtype == DTYPES[type(vectorizer).__name__] else found | {"dtype": dtype}


def _as_json(value: Any) -> Any:
    """A parameter as JSON has it: numpy's numbers as Python's, sets in a fixed order."""
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, list | tuple | np.ndarray):
        return [_as_json(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value


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


def _floats(content: bytes, name: str) -> Any:
    """An array from an `.npy` entry; its header is believed only when the content has just that size."""
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ModelInvalidError(f"Its {name} has an unknown version of the npy format.")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(stream)
    numbers = content[stream.tell() :]
    if dtype not in FLOATS or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(numbers):
        raise ModelInvalidError(f"Its {name} is no array of float32 or float64, or not as long as it says.")
    return np.frombuffer(numbers, dtype).reshape(shape, order="F" if by_columns else "C").copy()


def _head(archive: zipfile.ZipFile) -> dict[str, Any]:
    """The file's description of itself, of the right version, with nothing unknown in it."""
    head = json.loads(_get(archive, "model.json"), parse_constant=_no_number)
    json.dumps(head, ensure_ascii=False).encode()  # a lone surrogate could be read, but never be served
    version = head.get("format") if isinstance(head, dict) else None
    if version != VERSION:
        raise ModelInvalidError(f"It has format version {version!r}; this textmill reads {VERSION}.")
    if head.keys() != HEAD or head["classifier"] != {"class": "LogisticRegression"}:
        raise ModelInvalidError("Its model.json has unknown or missing parts, or another classifier.")
    check_vectorizer(head["vectorizer"])
    check_labels(head["labels"])
    _card(head["card"])
    return dict(head)


def _no_number(constant: str) -> NoReturn:
    raise ModelInvalidError(f"Its model.json has the number {constant}.")


def _check(head: dict[str, Any], terms: list[str], arrays: dict[str, Any]) -> None:
    labels = len(head["labels"])
    rows = 1 if labels == BINARY else labels
    shapes = {"coef": (rows, len(terms)), "intercept": (rows,), "idf": (len(terms),)}
    for name, array in arrays.items():
        if array.shape != shapes[name]:
            raise ModelInvalidError(f"Its {name} has shape {array.shape} instead of {shapes[name]}.")
        if not np.isfinite(array).all():
            raise ModelInvalidError(f"Its {name} has a value that is not a number.")
    if len(set(terms)) != len(terms):
        raise ModelInvalidError("It lists a term twice.")


def _rebuild(head: dict[str, Any], terms: list[str], arrays: dict[str, Any]) -> Pipeline:
    described = head["vectorizer"]
    parameters = {"dtype": DTYPES[described["class"]], **described["parameters"]}
    dtype = parameters["dtype"] = np.dtype(parameters["dtype"]).type
    parameters["ngram_range"] = tuple(parameters["ngram_range"])
    vectorizer = VECTORIZERS[described["class"]](
        **parameters, vocabulary={term: at for at, term in enumerate(terms)}
    )
    vectorizer.fixed_vocabulary_ = True
    vectorizer.vocabulary_ = vectorizer.vocabulary
    if "idf" in arrays:
        vectorizer.idf_ = arrays["idf"]
    elif isinstance(vectorizer, TfidfVectorizer):
        weights = TfidfTransformer(**{name: parameters[name] for name in WEIGHTING})
        weights.n_features_in_ = len(terms)
        vectorizer._tfidf = weights  # noqa: SLF001 - what its fit would have made
    return Pipeline(list(zip(PARTS, (vectorizer, _classifier(head["labels"], arrays, dtype)), strict=True)))


def _classifier(labels: list[Any], arrays: dict[str, Any], dtype: Any) -> LogisticRegression:
    classifier = LogisticRegression()
    classifier.classes_ = np.array(labels)
    # Once, as numpy would cast them for every text: the product is the same.
    classifier.coef_ = arrays["coef"].astype(np.result_type(arrays["coef"], dtype))
    classifier.intercept_ = arrays["intercept"].astype(np.result_type(arrays["intercept"], dtype))
    classifier.n_features_in_ = arrays["coef"].shape[1]
    return classifier


def _card(found: dict[str, Any]) -> Card:
    names = {field.name for field in fields(Card)}
    if unknown := found.keys() - names:
        raise ModelInvalidError(f"Its card has unknown fields: {', '.join(sorted(unknown))}.")
    told = {name: value for name, value in found.items() if name not in {"quality", "notes"}}
    notes, rows = found.get("notes", []), found.get("quality", [])
    if not all(value is None or isinstance(value, str) for value in told.values()):
        raise ModelInvalidError("Its card has a field that is no text.")
    if not isinstance(notes, list) or not all_of(str, notes):
        raise ModelInvalidError("Its card's notes are no list of texts.")
    if not isinstance(rows, list) or not all(map(_is_quality, rows)):
        raise ModelInvalidError("Its card's quality is no list of measured figures.")
    return Card(**told, quality=tuple(Quality(**row) for row in rows), notes=tuple(notes))


def _is_quality(row: Any) -> bool:
    kinds = {"data": (str,), "measure": (str,), "value": (float, int), "texts": (int,)}
    fitting = isinstance(row, dict) and row.keys() == kinds.keys()
    return (
        fitting
        and all(type(row[name]) in kind for name, kind in kinds.items())
        and math.isfinite(row["value"])
    )


def trained_here() -> str:
    """What `Card.trained_with` says of a model that was fitted in this process."""
    return str(sklearn.__version__)
