"""The keys of an issuer, kept current by a thread, so that no request ever waits for them."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from textmill.errors import AuthUnavailableError
from textmill.security.fetching import MOST_BYTES, SECONDS, FetchError, check_url, fetch, is_loopback
from textmill.security.signatures import CheckingKey, TokenError, choose, public_keys

logger = logging.getLogger(__name__)

ASK_SECONDS = 10.0
"""An unknown `kid` has the keys read again at most once in this time."""
RETRY_SECONDS = 5.0
"""How soon a failed reading is tried again."""
LOOK_SECONDS = 1.0
"""How soon a changed file is seen."""
UNREADABLE = "The token issuer's keys cannot be read."
WELL_KNOWN = "/.well-known/"


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON Web Key Set as it was read, and what its issuer calls itself, where that is told."""

    content: bytes
    issuer: str | None = None


Load: TypeAlias = Callable[[], Document]


@dataclass(frozen=True, slots=True)
class Timing:
    """When keys are read, and how long they hold.

    Attributes:
        refresh_seconds: how often they are read.
        cached_seconds: for how long after that they are used when they cannot be read.
    """

    refresh_seconds: float
    cached_seconds: float


@dataclass(frozen=True, slots=True)
class _Known:
    """The keys that were read last."""

    document: Document
    keys: tuple[CheckingKey, ...]
    read_at: float
    version: int
    names: frozenset[str | None] = field(repr=False)


class RemoteKeys:
    """Keys that somebody else keeps; see `tokens.Keys`.

    Args:
        load: reads them; may take long, and is called by the thread only.
        clock: never goes back.
    """

    def __init__(self, load: Load, timing: Timing, clock: Callable[[], float] = time.monotonic) -> None:
        self._load, self._timing, self._clock = load, timing, clock
        self._known: _Known | None = None
        self._failing = False
        self._asked = False
        self._asked_at = float("-inf")
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def version(self) -> int:
        """Another number after every change of the keys."""
        return 0 if self._known is None else self._known.version

    @property
    def issuer(self) -> str | None:
        """What the issuer calls itself."""
        return None if self._known is None else self._known.document.issuer

    def find(self, algorithm: str, kid: str | None) -> CheckingKey:
        """The key of a token; one of an unknown name may have just been made, so the keys are read again."""
        known = self._known
        if known is None or self._is_stale(known):
            raise AuthUnavailableError(f"{UNREADABLE} Send the request again later.", retry_after=1)
        if kid is not None and kid not in known.names:
            self._ask()
        return choose(known.keys, algorithm, kid)

    def start(self) -> None:
        """Read the keys now and from time to time, in a thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="textmill-issuer-keys", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread; a reading that waits for its answer ends with the process."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=0.5)

    def trouble(self) -> str | None:
        """Why tokens cannot be checked; None as long as known keys may be used."""
        known = self._known
        return UNREADABLE if known is None or self._is_stale(known) else None

    def refresh(self) -> None:
        """Read the keys. Never raises: what cannot be read leaves the known ones as they are."""
        self._wake.clear()
        try:
            self._learn(self._load())
        except Exception as error:  # noqa: BLE001 - the thread must live on, whatever the other side sends
            self._fail(error)
        with self._lock:
            self._asked = self._wake.is_set()  # who asked meanwhile is not answered yet

    def _is_stale(self, known: _Known) -> bool:
        """Whether the keys are too old; by their age, so that a thread that hangs is no way around it."""
        timing = self._timing
        return self._clock() - known.read_at > timing.refresh_seconds + timing.cached_seconds + 2 * SECONDS

    def _ask(self) -> None:
        """Have the keys read again, or refuse.

        Raises:
            AuthUnavailableError: they are being read again.
            TokenError: they have just been.
        """
        with self._lock:
            now = self._clock()
            if not self._asked and now - self._asked_at < ASK_SECONDS:
                raise TokenError("its kid is unknown")
            if not self._asked:
                self._asked, self._asked_at = True, now
                self._wake.set()
        raise AuthUnavailableError("The token issuer's keys are being read again.", retry_after=1)

    def _run(self) -> None:
        while not self._closed:
            self.refresh()
            seconds = self._timing.refresh_seconds
            self._wake.wait(min(seconds, RETRY_SECONDS) if self._failing else seconds)

    def _learn(self, document: Document) -> None:
        known, now = self._known, self._clock()
        if known is not None and known.document == document:
            keys, version = known.keys, known.version
        else:
            keys, version = public_keys(document.content), self.version + 1
            logger.info("The token issuer's keys were read: %d.", len(keys))
        self._known = _Known(document, keys, now, version, frozenset(key.kid for key in keys))
        if self._failing:
            logger.info("The token issuer's keys can be read again.")
        self._failing = False

    def _fail(self, error: Exception) -> None:
        """Tell it once; not what the other side sent, which may be anything."""
        if not self._failing:
            reason = str(error) if isinstance(error, FetchError | ValueError) else type(error).__name__
            logger.warning(
                "The token issuer's keys cannot be read: %s. Known ones are used for %g s at most.",
                reason,
                self._timing.cached_seconds,
            )
        self._failing = True


def from_file(path: str) -> Load:
    """Keys in a file."""

    def load() -> Document:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise FetchError(f"the file is larger than {MOST_BYTES} bytes")
        return Document(content)

    return load


def from_url(url: str) -> Load:
    """Keys at a URL."""
    return lambda: Document(fetch(url))


def discovered(url: str, issuer: str | None) -> Load:
    """Keys that an issuer's discovery document names (OpenID Connect Discovery, RFC 8414).

    Args:
        issuer: what it must call itself; by default what its URL says.
    """

    def load() -> Document:
        named, keys = read_discovery(fetch(url))
        if named != issuer and (issuer is not None or not is_place_of(url, named)):
            raise FetchError("the discovery document is of another issuer")
        if is_loopback(keys) and not is_loopback(url):
            raise FetchError("the discovery document leads to this machine")
        return Document(fetch(keys), named)

    return load


def read_discovery(content: bytes) -> tuple[str, str]:
    """The issuer, and where its keys are.

    Raises:
        FetchError: it is no discovery document, or names a URL that may not be fetched.
    """
    try:
        found: Any = json.loads(content)
        issuer, url = found["issuer"], found["jwks_uri"]
        check_url(url)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise FetchError("the discovery document names no 'issuer' and https 'jwks_uri'") from None
    if not isinstance(issuer, str) or not isinstance(url, str):
        raise FetchError("the discovery document names no 'issuer' and https 'jwks_uri'")
    return issuer, url


def is_place_of(url: str, issuer: str) -> bool:
    """Whether an issuer's discovery document belongs at a URL: behind its own, or before its path."""
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    return any(
        url in (f"{origin}{path}{WELL_KNOWN}{name}", f"{origin}{WELL_KNOWN}{name}{path}")
        for name in ("openid-configuration", "oauth-authorization-server")
    )
