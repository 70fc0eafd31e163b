"""What the plain format's description of a model may say: every parameter and label is checked before use."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from textmill.errors import ModelInvalidError

BINARY = 2
"""With two labels one row of coefficients decides."""

VECTORIZERS = {"TfidfVectorizer": TfidfVectorizer, "CountVectorizer": CountVectorizer}
COUNTING = ("analyzer", "binary", "lowercase", "ngram_range", "stop_words", "strip_accents", "token_pattern")
WEIGHTING = ("norm", "smooth_idf", "sublinear_tf", "use_idf")
FLAGS = ("binary", "lowercase", "smooth_idf", "sublinear_tf", "use_idf")


def _one_of(*values: str | None) -> Callable[[Any], bool]:
    return lambda value: (value is None or isinstance(value, str)) and value in values


def _is_range(value: Any) -> bool:
    whole = isinstance(value, list) and [type(end) for end in value] == [int, int]
    return whole and 1 <= value[0] <= value[1]


def _is_stop_words(value: Any) -> bool:
    return value in {None, "english"} if not isinstance(value, list) else all_of(str, value)


def _is_pattern(value: Any) -> bool:
    try:
        return value is None or (isinstance(value, str) and re.compile(value).groups <= 1)
    except (re.error, RecursionError, OverflowError):
        return False


def all_of(kind: type, values: list[Any]) -> bool:
    """Whether all values are exactly of one kind."""
    return all(type(value) is kind for value in values)


ALLOWED: Mapping[str, Callable[[Any], bool]] = {
    "analyzer": _one_of("word", "char", "char_wb"),
    "dtype": _one_of("float32", "float64", "int64"),
    "ngram_range": _is_range,
    "norm": _one_of("l1", "l2", None),
    "stop_words": _is_stop_words,
    "strip_accents": _one_of("ascii", "unicode", None),
    "token_pattern": _is_pattern,
    **dict.fromkeys(FLAGS, lambda value: isinstance(value, bool)),
}
"""The parameters of a vectorizer that change its answers, each with what it may be."""


def check_vectorizer(described: dict[str, Any]) -> None:
    """Make sure that it is a vectorizer that is known, with all its parameters.

    Raises:
        ModelInvalidError: it is not, and which are wrong.
    """
    if described.keys() != {"class", "parameters"} or described["class"] not in VECTORIZERS:
        raise ModelInvalidError("Its vectorizer is none that this format knows.")
    parameters = described["parameters"]
    needed = {*COUNTING, *(WEIGHTING if described["class"] == "TfidfVectorizer" else ())}
    wrong = (parameters.keys() - {"dtype"}) ^ needed
    wrong = wrong or {name for name, value in parameters.items() if not ALLOWED[name](value)}
    if wrong:
        raise ModelInvalidError(
            f"Its vectorizer's parameters are unknown, missing or wrong: {sorted(wrong)}."
        )


def check_labels(labels: Any) -> None:
    """Make sure that there are at least two, all of one simple type, no two alike.

    Raises:
        ModelInvalidError: they are not.
    """
    kinds = {type(label) for label in labels} if isinstance(labels, list) else set()
    if len(kinds) != 1 or not kinds <= {str, int, bool, float} or len(set(labels)) < max(BINARY, len(labels)):
        raise ModelInvalidError("Its labels are not two or more different values of one simple type.")
