"""JSON Web Tokens: whether one is to be trusted, and who brings it."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from textmill.errors import CredentialsInvalidError
from textmill.security.credentials import NOT_VALID
from textmill.security.principals import Principal, is_scope
from textmill.security.signatures import (
    CheckingKey,
    Expected,
    TokenError,
    check_claims,
    choose,
    open_token,
    read_claims,
)

logger = logging.getLogger(__name__)

REMEMBERED = 4096
"""Tokens whose check is remembered."""
REMEMBERED_SECONDS = 60.0
LONGEST_NAME = 255


class Keys(Protocol):
    """The keys of one issuer."""

    @property
    def version(self) -> int:
        """Another number after every change of the keys."""
        ...

    @property
    def issuer(self) -> str | None:
        """What the issuer calls itself, where the keys tell."""
        ...

    def find(self, algorithm: str, kid: str | None) -> CheckingKey:
        """The key of a token; never waits.

        Raises:
            TokenError: there is none.
            AuthUnavailableError: it cannot be told now.
        """
        ...

    def start(self) -> None:
        """Begin to keep current."""
        ...

    def close(self) -> None:
        """Stop that."""
        ...

    def trouble(self) -> str | None:
        """Why it cannot tell at present; None while it can."""
        ...


class FixedKeys:
    """Keys that never change."""

    version = 0
    issuer = None

    def __init__(self, *keys: CheckingKey) -> None:
        self._keys = keys

    def find(self, algorithm: str, kid: str | None) -> CheckingKey:
        """See `Keys`. A shared secret has no name, so a token's `kid` says nothing about it."""
        named = any(key.kid is not None for key in self._keys)
        return choose(self._keys, algorithm, kid if named else None)

    def start(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def trouble(self) -> str | None:
        """There is none."""
        return None


@dataclass(frozen=True, slots=True)
class Rules:
    """What a token must be like.

    Attributes:
        algorithms: it is signed with one of them.
        issuer: None takes what the keys tell, and any where they tell nothing.
        type: its `typ`, in lower case; None takes any.
    """

    algorithms: frozenset[str]
    issuer: str | None = None
    audience: str | None = None
    leeway_seconds: float = 30.0
    scope_claim: str = "scope"
    type: str | None = None


@dataclass(frozen=True, slots=True)
class _Checked:
    """A token that was good, until when that is remembered, and with which keys it was."""

    principal: Principal
    until: float
    version: int


class TokenVerifier:
    """Checks tokens of one issuer; see `Verifier`.

    Args:
        clock: the time of day, in seconds since 1970.
    """

    def __init__(self, keys: Keys, rules: Rules, clock: Callable[[], float] = time.time) -> None:
        from cachetools import LRUCache

        self._keys, self._rules, self._clock = keys, rules, clock
        self._checked: LRUCache[bytes, _Checked] = LRUCache(REMEMBERED)
        self._lock = threading.Lock()

    def takes(self, credential: str) -> bool:
        """Three parts with points between them."""
        return credential.count(".") == 2  # noqa: PLR2004 - three parts

    def principal(self, credential: str) -> Principal:
        """Who the token stands for; see `Verifier`."""
        digest = hashlib.sha256(credential.encode("utf-8", "surrogatepass")).digest()
        now, version = self._clock(), self._keys.version
        with self._lock:
            known = self._checked.get(digest)
        if known is not None and now < known.until and known.version == version:
            return known.principal
        try:
            principal, expires = self._check(credential, now)
        except TokenError as error:
            logger.debug("A token was refused: %s.", error)
            raise CredentialsInvalidError(NOT_VALID) from None
        with self._lock:
            self._checked[digest] = _Checked(principal, min(expires, now + REMEMBERED_SECONDS), version)
        return principal

    def start(self) -> None:
        """Begin to keep the keys current."""
        self._keys.start()

    def close(self) -> None:
        """Stop that."""
        self._keys.close()

    def trouble(self) -> str | None:
        """Why tokens cannot be checked at present."""
        return self._keys.trouble()

    def _check(self, token: str, now: float) -> tuple[Principal, float]:
        rules = self._rules
        opened = open_token(token)
        if opened.algorithm not in rules.algorithms:
            raise TokenError("its algorithm is not allowed")
        if rules.type not in (None, opened.type):
            raise TokenError("it is of another type")
        claims = read_claims(opened, self._keys.find(opened.algorithm, opened.kid))
        issuer = rules.issuer or self._keys.issuer
        check_claims(claims, Expected(issuer, rules.audience, rules.leeway_seconds), now)
        return bearer(claims, rules.scope_claim), claims["exp"]


def bearer(claims: Mapping[str, Any], scope_claim: str) -> Principal:
    """Who brings a token with these claims.

    Raises:
        TokenError: it does not say who, or in a way that could forge a line of a log.
    """
    issuer = claims.get("iss", "")
    name = claims.get("sub", claims.get("client_id"))
    for value in (issuer, name):
        if not isinstance(value, str) or len(value) > LONGEST_NAME or not value.isprintable():
            raise TokenError("its issuer or subject is no printable string")
    if not name:
        raise TokenError("it has no subject")
    return Principal(f"{issuer}#{name}", name, "token", scopes_of(claims, scope_claim))


def scopes_of(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    """The scopes in a claim: words in a string, or a list. Words of other systems are passed over.

    Args:
        claim: its name, or the names on the way to it with points between them, as `realm_access.roles`.
    """
    found: Any = claims.get(claim)
    if found is None:
        found = claims
        for name in claim.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
    words = found.split() if isinstance(found, str) else found
    if not isinstance(words, list):
        return frozenset()
    return frozenset(word for word in words if isinstance(word, str) and is_scope(word))
