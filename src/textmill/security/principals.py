"""Who is asking, and what they may do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from textmill.errors import ConfigurationError
from textmill.settings import MODEL_NAME

Kind: TypeAlias = Literal["anonymous", "key", "token"]

ADMIN = "admin"
ANY_MODEL = "predict:*"
READ_MODELS = "models:read"
READ_METRICS = "metrics:read"
PREDICT = "predict:"
SCOPES = {
    ANY_MODEL: "Ask every model.",
    READ_MODELS: "See the models and their cards.",
    READ_METRICS: "See the metrics.",
    ADMIN: "Everything.",
}
"""The scopes that need no model's name."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How much one principal may ask; None leaves it to the settings.

    Attributes:
        requests, texts, characters: so many in such a time, as `100/minute`.
        concurrent: requests that may be open at once.
    """

    requests: str | None = None
    texts: str | None = None
    characters: str | None = None
    concurrent: int | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking.

    Attributes:
        id: stable and unique among its kind; limits are counted by it.
        name: for people, in logs; of a key its name, of a token its subject.
        scopes: what they may do.
        quota: limits of their own.
    """

    id: str
    name: str
    kind: Kind
    scopes: frozenset[str]
    quota: Quota | None = None

    def may(self, scope: str) -> bool:
        """Whether a scope is among theirs, or covered by a wider one."""
        scopes = self.scopes
        return scope in scopes or ADMIN in scopes or (ANY_MODEL in scopes and scope.startswith(PREDICT))


def is_scope(text: str) -> bool:
    """Whether it is the name of a scope."""
    if text in (ADMIN, ANY_MODEL, READ_MODELS, READ_METRICS):
        return True
    return text.startswith(PREDICT) and re.fullmatch(MODEL_NAME, text.removeprefix(PREDICT)) is not None


def checked_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Scopes as the operator wrote them.

    Raises:
        ConfigurationError: one is no scope.
    """
    found = frozenset(scopes)
    for scope in sorted(found):
        if not is_scope(scope):
            raise ConfigurationError(
                f"{scope!r} is no scope; take predict:MODEL, predict:*, models:read, metrics:read or admin."
            )
    return found


def anonymous(scopes: Iterable[str]) -> Principal:
    """Whoever sends no credentials."""
    return Principal("anonymous", "anonymous", "anonymous", checked_scopes(scopes))
