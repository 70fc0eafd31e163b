"""Counts in a Redis that several processes and machines share.

A worker never depends on it: where it does not answer, the worker counts for itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from limits.storage import RedisStorage
from redis import RedisError
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from textmill.errors import ConfigurationError
from textmill.security.counters import Charge, Clock, Counters, Local, Taken
from textmill.security.windows import Count, Limit

logger = logging.getLogger("textmill")

PAUSE = 5.0
"""Seconds for which a store that failed is left alone."""
SCHEMES = ("redis", "rediss", "redis+unix")


class Shared:
    """Counts in Redis, with the scripts of `limits`: one round trip, whatever is charged.

    Args:
        url: may hold a password, so it is shown nowhere.
        seconds: how long one step may take.
    """

    def __init__(self, url: str, password: str | None, seconds: float) -> None:
        options: dict[str, Any] = {
            "socket_timeout": seconds,
            "socket_connect_timeout": seconds,
            # A kept connection may have been closed by the other side: once more, at once, and no more.
            "retry": Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            # Nothing is said on a new connection but the password.
            "driver_info": None,
            "protocol": 2,
            "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        }
        if password is not None:
            options["password"] = password
        self._storage = RedisStorage(url, **options)
        self._redis: Any = self._storage.get_connection()

    def take(self, charges: Sequence[Charge]) -> list[Taken]:
        """As `Counters.take`; between processes that do it at once, one may be refused for another's sake.

        Raises:
            RedisError, OSError: the store does not answer, or not as it should.
        """
        answers = self._run(charges)
        fits, counts = [bool(each) for each in answers[::2]], answers[1::2]
        if any(fits) and not all(fits):
            back = [
                Charge(charge.limit, charge.caller, -charge.amount)
                for charge, fit in zip(charges, fits, strict=True)
                if fit
            ]
            self._run(back)
        return [
            Taken(fit, _count(found, charge.limit))
            for fit, found, charge in zip(fits, counts, charges, strict=True)
        ]

    def close(self) -> None:
        self._redis.close()

    def _run(self, charges: Sequence[Charge]) -> list[Any]:
        try:
            return self._send(charges)
        except NoScriptError:
            for script in (self._storage.lua_acquire_sliding_window, self._storage.lua_sliding_window):
                self._redis.script_load(script.script)
            return self._send(charges)

    def _send(self, charges: Sequence[Charge]) -> list[Any]:
        take, look = self._storage.lua_acquire_sliding_window.sha, self._storage.lua_sliding_window.sha
        with self._redis.pipeline(transaction=False) as pipe:
            for charge in charges:
                limit = charge.limit
                key = f"textmill:{{{limit.name}/{charge.caller}/{limit.most}/{limit.seconds}}}"
                pipe.evalsha(take, 2, f"{key}/-1", key, limit.most, limit.seconds, charge.amount)
                pipe.evalsha(look, 2, f"{key}/-1", key, limit.seconds)
            found: list[Any] = pipe.execute()
        return found


class Dependable:
    """Counts in a store, and in this process while the store fails.

    Args:
        shown: what the store is called in the log.
    """

    def __init__(self, store: Counters, local: Counters, clock: Clock, shown: str) -> None:
        self._store = store
        self._local = local
        self._clock = clock
        self._shown = shown
        self._failed = False
        self._until = 0.0
        """When the store is asked again; one caller finds out, the others go on without it."""
        self._lock = threading.Lock()

    def take(self, charges: Sequence[Charge]) -> list[Taken]:
        if self._failed and not self._may_try():
            return self._local.take(charges)
        try:
            found = self._store.take(charges)
        except (RedisError, OSError) as error:
            self._fail(type(error).__name__)
            return self._local.take(charges)
        if self._failed:
            self._recover()
        return found

    def close(self) -> None:
        self._store.close()
        self._local.close()

    def _may_try(self) -> bool:
        with self._lock:
            now = self._clock()
            if now < self._until:
                return False
            self._until = now + PAUSE
            return True

    def _fail(self, why: str) -> None:
        with self._lock:
            known, self._failed = self._failed, True
            self._until = self._clock() + PAUSE
        if not known:
            logger.warning(
                "The store of rates (%s) failed with %s: this worker counts for itself until it is back.",
                self._shown,
                why,
            )

    def _recover(self) -> None:
        with self._lock:
            known, self._failed = self._failed, False
        if known:
            logger.info("The store of rates (%s) is back.", self._shown)


def shared(url: str, password: str | None, seconds: float, clock: Clock) -> Dependable:
    """Counts in a Redis, and in this process while that fails.

    Raises:
        ConfigurationError: the URL is no Redis's.
    """
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        store = Shared(url, password, seconds) if parts.scheme in SCHEMES else None
    except ValueError:  # its message may hold the URL, and that a password
        store, port, parts = None, "", urlsplit("")
    if store is None:
        raise ConfigurationError(
            "rates.store is none that is known. Take memory:// or a URL such as redis://host:6379."
        )
    shown = f"{parts.scheme}://{parts.hostname or ''}{port}"
    return Dependable(store, Local(clock), clock, shown)


def _count(found: Sequence[Any], limit: Limit) -> Count:
    """What the script of `limits` tells: two counts, and the milliseconds until Redis forgets each."""
    previous, previous_left, current, current_left = (int(each or 0) for each in found)
    if current_left > 0:
        return Count(previous, current, max(0.0, current_left / 1000 - limit.seconds))
    return Count(previous, current, max(0, previous_left) / 1000)
