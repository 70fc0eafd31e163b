"""The keys in memory, so that no request waits for their store.

A thread reads all keys once, and from then on what changed. Whoever asks gets an answer from what was read
last, as long as that is recent enough to be believed.
"""

from __future__ import annotations

import hmac
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from textmill.errors import AuthUnavailableError, CredentialsInvalidError, KeyStoreError
from textmill.security.keys import Key, digest_of, is_key
from textmill.security.principals import Principal

if TYPE_CHECKING:
    from textmill.security.store import Contents, KeyStore

logger = logging.getLogger("textmill")

PATIENCE_SECONDS = 10.0
"""How long after it was due a reading may take; then what was read before is believed no longer."""
FIRST_SECONDS = 2.0
"""How long a start waits for the first reading, so that a fresh worker does not turn callers away."""
REMEMBERED = 1024
"""Good keys whose digests are remembered: to compute one costs more than all the rest of a check."""
INVALID = "The credentials are not valid here: unknown, expired or revoked."
UNAVAILABLE = "The key store cannot be read at present; send the request again later."
NOT_YET = "it has not been read yet"


@dataclass(frozen=True, slots=True)
class Known:
    """A key as it is checked.

    Attributes:
        expires: seconds since 1970, or infinity.
    """

    digest: bytes = field(repr=False)
    expires: float
    principal: Principal


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known at one moment; replaced as a whole.

    Attributes:
        read: when, by the clock.
        known: every key that is not revoked, by its digest.
        digests: where each is, by the key's id.
        complete_until: how long a key that is not there is wrong.
        known_until: how long a key that is there is right.
    """

    identity: str = ""
    revision: int = 0
    known: Mapping[bytes, Known] = field(default_factory=dict, repr=False)
    digests: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    read: float = -math.inf
    complete_until: float = -math.inf
    known_until: float = -math.inf

    def after(self, contents: Contents) -> Snapshot:
        """What is known after a reading; how long it is believed is the reader's to say."""
        if not contents.whole and not contents.keys:
            return replace(self, revision=contents.revision)
        known, digests = ({}, {}) if contents.whole else (dict(self.known), dict(self.digests))
        for key in contents.keys:
            known.pop(digests.pop(key.id, b""), None)
            if key.revoked is None:
                known[key.digest] = _known(key)
                digests[key.id] = key.digest
        return Snapshot(contents.identity, contents.revision, known, digests)

    def believed(self, read: float, fresh_seconds: float, cached_seconds: float) -> Snapshot:
        """The same, with the times until which it tells something.

        Args:
            read: when it was read.
            fresh_seconds: for how long after that it is all there is; none once a reading has failed.
            cached_seconds: for how long its keys are good in any case.
        """
        complete = read + fresh_seconds if fresh_seconds else -math.inf
        known = max(complete, read + cached_seconds if cached_seconds else -math.inf)
        return replace(self, read=read, complete_until=complete, known_until=known)


def _known(key: Key) -> Known:
    expires = math.inf if key.expires is None else key.expires.timestamp()
    return Known(key.digest, expires, key.principal)


class Keyring:
    """Verifies API keys.

    Args:
        store: read by a thread of its own, and closed in the end.
        refresh_seconds: how often it is read.
        cached_seconds: for how long after a reading its keys are good while the store cannot be read.
        clock: for these times, in seconds from any moment.
        wall: for the keys' own, in seconds since 1970.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        refresh_seconds: float = 1.0,
        cached_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._pepper = store.pepper
        self._refresh_seconds = refresh_seconds
        self._cached_seconds = cached_seconds
        self._clock = clock
        self._wall = wall
        self._snapshot = Snapshot()
        self._remembered: dict[str, bytes] = {}
        self._trouble: str | None = NOT_YET
        self._failing = False
        self._stop = threading.Event()
        self._tried = threading.Event()
        self._thread: threading.Thread | None = None

    def takes(self, credential: str) -> bool:
        """Whether it has the form of a key."""
        return is_key(credential)

    def principal(self, credential: str) -> Principal:
        """Who brings this key.

        Raises:
            CredentialsInvalidError: it is unknown, expired or revoked.
            AuthUnavailableError: the store has not been read recently enough to tell.
        """
        remembered = self._remembered.get(credential)
        digest = remembered or digest_of(credential, self._pepper)
        known = self._valid(self._snapshot, digest)
        if known is None or not hmac.compare_digest(known.digest, digest):
            raise CredentialsInvalidError(INVALID)
        if remembered is None:
            self._remember(credential, digest)
        return known.principal

    def is_active(self, key_id: str) -> Principal | None:
        """Whose key it is by its id, where it is neither revoked nor expired.

        Raises:
            AuthUnavailableError: the store has not been read recently enough to tell.
        """
        snapshot = self._snapshot
        known = self._valid(snapshot, snapshot.digests.get(key_id, b""))
        return None if known is None else known.principal

    def start(self) -> None:
        """Begin to read, and wait a moment for the first reading; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="textmill-keys", daemon=True)
            self._thread.start()
            self._tried.wait(FIRST_SECONDS)

    def close(self) -> None:
        """Stop reading, and give the store's connections back; afterwards no key is good any more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(PATIENCE_SECONDS)
        self._snapshot = Snapshot()
        self._trouble = "it is closed"
        self._store.close()

    def trouble(self) -> str | None:
        """Why keys cannot be checked at present, without where they are kept.

        None as long as known keys are good: balancers would leave every server at once, and nobody would be
        served any more. The log tells when readings begin to fail.
        """
        if self._clock() <= self._snapshot.known_until:
            return None
        return f"the key store cannot be read: {self._trouble or 'it has not answered in time'}"

    def refresh(self) -> None:
        """Read what changed; the thread does so again and again. It never raises."""
        begun, before = self._clock(), self._snapshot
        try:
            contents = self._store.read(before.identity, before.revision)
        except KeyStoreError as error:
            self._failed(error.reason, str(error))
        except Exception as error:  # noqa: BLE001 - the thread's one boundary: it goes on, and says so
            self._failed(f"it failed with {type(error).__name__}", f"{self._store!r}: {type(error).__name__}")
        else:
            fresh = self._refresh_seconds + PATIENCE_SECONDS
            self._snapshot = before.after(contents).believed(begun, fresh, self._cached_seconds)
            self._succeeded()

    def _failed(self, reason: str, whole: str) -> None:
        self._snapshot = self._snapshot.believed(self._snapshot.read, 0, self._cached_seconds)
        self._trouble = reason
        if not self._failing:
            self._failing = True
            logger.error("API keys cannot be checked. %s", whole)

    def _succeeded(self) -> None:
        self._trouble = None
        if self._failing:
            self._failing = False
            logger.info("API keys can be checked again.")

    def _remember(self, credential: str, digest: bytes) -> None:
        """Of a good key only: a flood of others leaves nothing behind."""
        if len(self._remembered) >= REMEMBERED:
            self._remembered = {}
        self._remembered[credential] = digest

    def _valid(self, snapshot: Snapshot, digest: bytes) -> Known | None:
        """A key that is good now, or None where it is sure that there is none."""
        known = snapshot.known.get(digest)
        if self._clock() > (snapshot.complete_until if known is None else snapshot.known_until):
            raise AuthUnavailableError(UNAVAILABLE)
        return None if known is None or known.expires <= self._wall() else known

    def _work(self) -> None:
        self.refresh()
        self._tried.set()
        while not self._stop.wait(self._refresh_seconds):
            self.refresh()
