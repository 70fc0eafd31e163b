"""Whether an object of scikit-learn is what its class says, and can be computed without it."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from textmill.runtimes.base import NotRecognisedError


def require(part: Any, *kinds: type) -> None:
    """Make sure that a part is exactly of one of these classes, and that nobody patched it.

    Raises:
        NotRecognisedError: it is of another class, a subclass included, or has methods of its own.
    """
    kind: type = type(part)
    if kind not in kinds:
        raise NotRecognisedError(f"Its {kind.__name__} is not one of the parts that can be compiled.")
    own = sorted(name for name in vars(part) if _is_behaviour(getattr(kind, name, None)))
    found = own or foreign(kind)
    if found:
        raise NotRecognisedError(f"Its {kind.__name__} has a patched {found[0]}.")


def foreign(kind: type) -> list[str]:
    """The methods of a class of scikit-learn that were defined outside of it."""
    return [
        name
        for base in kind.__mro__
        if base.__module__.startswith("sklearn.")
        for name, value in vars(base).items()
        if isinstance(value, FunctionType) and not _is_sklearns(value)
    ]


def _is_behaviour(value: Any) -> bool:
    return callable(value) or isinstance(value, property)


def _is_sklearns(function: FunctionType) -> bool:
    """By the module whose names it sees, which a wrapper cannot borrow from what it wraps."""
    return str(function.__globals__.get("__name__", "")).startswith("sklearn.")
