"""API keys: their form, and what is kept of them. The key itself is kept nowhere."""

from __future__ import annotations

import hmac
import re
import secrets
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from textmill.errors import ConfigurationError, KeyStoreError
from textmill.security.principals import Principal, Quota, checked_scopes
from textmill.settings.access import WINDOW

State: TypeAlias = Literal["active", "expired", "revoked"]

ALPHABET = string.digits + string.ascii_letters
SECRET_LENGTH = 43
"""Characters of 62 kinds, which makes 256 bits: a fast hash is enough, since nobody can try them all."""
FORM = re.compile(rf"tm_([0-9a-f]{{12}})_[{ALPHABET}]{{{SECRET_LENGTH}}}")
SHOWN = re.compile(r"(?:tm_)?([0-9a-f]{12})(?:_.*)?", re.DOTALL)
"""An id, its prefix in a list, or a whole key: what a person may paste to name a key."""
NAME = re.compile(r"(?!tm_)[A-Za-z0-9](?:[A-Za-z0-9 ._@+-]{0,62}[A-Za-z0-9])?")
"""What a key may be called; it stands in logs."""
LONGEST_LIFE = timedelta(days=36_525)
MOST_CONCURRENT = 1_000_000
UNLIMITED = Quota()


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key.

    Attributes:
        digest: the HMAC-SHA256 of the whole key.
        quota: limits of its own.
        revision: of the store, when the key was last changed.
    """

    id: str
    name: str
    scopes: frozenset[str]
    digest: bytes = field(repr=False)
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    quota: Quota = UNLIMITED
    revision: int = 0

    @property
    def prefix(self) -> str:
        """What a key is recognised by, without its secret."""
        return f"tm_{self.id}_…"

    @property
    def principal(self) -> Principal:
        """Who brings this key."""
        quota = self.quota if self.quota != UNLIMITED else None
        return Principal(self.id, self.name, "key", self.scopes, quota)

    def state(self, now: datetime) -> State:
        """Whether it is good at this time."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "active"


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key, shown once.

    Attributes:
        text: the key itself, for its holder.
        key: what is kept of it.
    """

    text: str = field(repr=False)
    key: Key


def is_key(text: str) -> bool:
    """Whether a text has the form of a key."""
    return FORM.fullmatch(text) is not None


def digest_of(text: str, pepper: bytes) -> bytes:
    """What is kept of a key in place of it."""
    return hmac.digest(pepper, text.encode(), "sha256")


def mark_of(identity: str, pepper: bytes) -> bytes:
    """What tells a store's own pepper from another; keys cannot be guessed with it, nor it without keys."""
    return hmac.digest(pepper, f"textmill key store {identity}".encode(), "sha256")


def issue(
    name: str,
    scopes: Iterable[str],
    *,
    pepper: bytes,
    now: datetime,
    expires: datetime | None = None,
    quota: Quota = UNLIMITED,
) -> Issued:
    """Make a key.

    Raises:
        ConfigurationError: name, scopes, time or quota cannot be used.
    """
    if NAME.fullmatch(name) is None:
        raise ConfigurationError(
            "A key's name has 1 to 64 letters, digits, spaces and . _ @ + -, begins and ends with a letter "
            "or digit, and does not begin with tm_."
        )
    if expires is not None and expires <= now:
        raise ConfigurationError("The key would have expired already; take a time that is still to come.")
    if expires is not None and expires > now + LONGEST_LIFE:
        raise ConfigurationError("The key would live for over 100 years; a key without an end takes no time.")
    found = checked_scopes(scopes)
    if not found:
        raise ConfigurationError("A key without scopes can do nothing; give it one, as predict:*.")
    identity = secrets.token_hex(6)
    text = f"tm_{identity}_{''.join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH))}"
    key = Key(
        identity, name, found, digest_of(text, pepper), now.astimezone(UTC), expires, None, checked(quota)
    )
    return Issued(text, key)


def successor(key: Key, *, pepper: bytes, now: datetime) -> Issued:
    """Another key for the same holder: same name, scopes and limits, and a lifetime of the same length.

    Raises:
        KeyStoreError: the key is not valid any more.
    """
    if (state := key.state(now)) != "active":
        raise KeyStoreError(f"The key {key.id} is {state}. Create a new one instead: textmill keys create")
    expires = None if key.expires is None else now + (key.expires - key.created)
    return issue(key.name, key.scopes, pepper=pepper, now=now, expires=expires, quota=key.quota)


def outgoing(key: Key, now: datetime, overlap: timedelta) -> Key:
    """A key that has a successor: it ends after the overlap, or sooner where it would have anyway."""
    end = now + overlap
    return replace(key, expires=end if key.expires is None else min(end, key.expires))


def checked(quota: Quota) -> Quota:
    """A quota as the operator wrote it.

    Raises:
        ConfigurationError: it has a window that is none.
    """
    for name in ("requests", "texts", "characters"):
        window = getattr(quota, name)
        if window is not None and re.fullmatch(WINDOW, window) is None:
            raise ConfigurationError(
                f"{name} {window!r} is no limit; write it as 600/minute or 1000000/2 hours."
            )
    if quota.concurrent is not None and not 1 <= quota.concurrent <= MOST_CONCURRENT:
        raise ConfigurationError(f"concurrent must be from 1 to {MOST_CONCURRENT}.")
    return quota


def chosen(keys: Sequence[Key], asked: str, now: datetime) -> Key:
    """The key that a person means by its id, its prefix, the key itself, or the name that one valid key has.

    Raises:
        KeyStoreError: there is none, or several; what was asked is not repeated where it may be a key.
    """
    shown = SHOWN.fullmatch(asked)
    if shown is not None and (found := [key for key in keys if key.id == shown[1]]):
        return found[0]
    named = [key for key in keys if key.name == asked]
    valid = [key for key in named if key.state(now) == "active"]
    if len(valid) > 1:
        raise KeyStoreError(
            f"{len(valid)} valid keys have the name {asked!r}; take an id: "
            f"{', '.join(key.id for key in valid)}."
        )
    if named:
        return (valid or named)[0]
    what = f"id or name {asked!r}" if NAME.fullmatch(asked) else "id or name"
    raise KeyStoreError(f"No key has this {what}. See: textmill keys list")
