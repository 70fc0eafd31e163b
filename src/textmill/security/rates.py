"""How much a caller may ask, and what they are told of it."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import deque
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import TypeAlias

from textmill.errors import RateLimitedError
from textmill.security.counters import Charge, Clock, Counters, Local, Taken, limit
from textmill.security.principals import Principal, Quota
from textmill.security.windows import Count, Limit, remaining, wait
from textmill.settings import RateSettings

Headers: TypeAlias = tuple[tuple[str, str], ...]

NO_QUOTA = Quota()
COUNTED = ("requests", "texts", "characters")
BUSY_SECONDS = 1
"""When it makes sense to come back after too many requests at once: nobody knows."""


class Places:
    """How many requests of each caller are open. A place is given back once, also where it is only lost."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}
        self._lost: deque[str] = deque()
        self._lock = threading.Lock()

    def take(self, caller: str, most: int) -> Place | None:
        """A place, or None where all are taken."""
        with self._lock:
            self._count_lost()
            found = self._open.get(caller, 0)
            if found >= most:
                return None
            self._open[caller] = found + 1
        return Place(self, caller)

    def give_back(self, caller: str) -> None:
        """One place less is taken."""
        with self._lock:
            self._less(caller)

    def lose(self, caller: str) -> None:
        """As `give_back`, when a place is next taken: it may be lost at any moment, also amid a count."""
        self._lost.append(caller)

    def __len__(self) -> int:
        with self._lock:
            self._count_lost()
            return len(self._open)

    def _count_lost(self) -> None:
        while self._lost:
            self._less(self._lost.popleft())

    def _less(self, caller: str) -> None:
        left = self._open[caller] - 1
        if left:
            self._open[caller] = left
        else:
            del self._open[caller]


class Place:
    """That one more request is open."""

    __slots__ = ("_caller", "_places")

    def __init__(self, places: Places, caller: str) -> None:
        self._places: Places | None = places
        self._caller = caller

    def leave(self) -> None:
        """Give it back; a second time does nothing."""
        places, self._places = self._places, None
        if places is not None:
            places.give_back(self._caller)

    def __del__(self) -> None:
        if self._places is not None:
            self._places.lose(self._caller)


class Rates:
    """The limits of all callers.

    Args:
        settings: what holds for whoever has no quota of their own.
        counters: where it is counted.
    """

    def __init__(self, settings: RateSettings, counters: Counters) -> None:
        self.settings = settings
        self.counters = counters
        self.places = Places()
        asked = settings.address_requests
        self.address = limit("address", asked) if asked else None
        self._common = _limits(settings, NO_QUOTA)
        self._hold = bool(self._common) or settings.concurrent is not None
        self._own = lru_cache(1024)(partial(_limits, settings))

    def visit(self, address: str) -> Visit:
        """A request from an address, of which nothing is counted yet."""
        return Visit(self, address)

    def apply_to(self, quota: Quota | None) -> bool:
        """Whether anything holds for somebody; where nothing does, nothing need be counted or told."""
        return self._hold or quota is not None

    def limits(self, quota: Quota | None) -> dict[str, Limit]:
        """What holds for somebody, by what is counted."""
        return self._common if quota is None else self._own(quota)

    def concurrent(self, quota: Quota | None) -> int | None:
        """How many requests somebody may have open."""
        own = quota.concurrent if quota is not None else None
        return self.settings.concurrent if own is None else own

    def close(self) -> None:
        """Give everything back."""
        self.counters.close()


class Visit:
    """What one request is charged, and what its caller is told."""

    __slots__ = ("_address", "_caller", "_limits", "_place", "_rates", "_told")

    def __init__(self, rates: Rates, address: str) -> None:
        self._rates = rates
        self._address = address
        self._caller = address
        self._limits: dict[str, Limit] = {}
        self._told: dict[Limit, Count] = {}
        self._place: Place | None = None

    def arrive(self) -> None:
        """Count the request for its address, whoever asks.

        Raises:
            RateLimitedError: too many come from there.
        """
        if self._rates.address is not None:
            self._take([(self._rates.address, self._address, 1)])

    def enter(self, principal: Principal) -> None:
        """Count the request for who asks it.

        Raises:
            RateLimitedError: they ask too often, or have too many open.
        """
        self._caller = caller(principal, self._address)
        self._limits = self._rates.limits(principal.quota)
        if (requests := self._limits.get("requests")) is not None:
            self._take([(requests, self._caller, 1)])
        most = self._rates.concurrent(principal.quota)
        if most is None:
            return
        self._place = self._rates.places.take(self._caller, most)
        if self._place is None:
            raise RateLimitedError(
                f"More than {most} requests at once; send it again when others are answered.",
                retry_after=BUSY_SECONDS,
            )

    def charge(self, texts: int, characters: int) -> None:
        """Count what the request brings.

        Raises:
            RateLimitedError: it is too much; then nothing of it is counted.
        """
        brought = {"texts": texts, "characters": characters}
        asked = [
            (self._limits[name], self._caller, amount)
            for name, amount in brought.items()
            if name in self._limits
        ]
        if asked:
            self._take(asked)

    def leave(self) -> None:
        """The request has ended; a second call does nothing."""
        if self._place is not None:
            self._place.leave()

    @property
    def headers(self) -> Headers:
        """See draft-ietf-httpapi-ratelimit-headers-11."""
        policies = [*self._limits.values()]
        if self._rates.address is not None:
            policies.append(self._rates.address)
        if not policies:
            return ()
        told = ", ".join(
            f'"{each.name}";r={remaining(count, each)};t={max(1, math.ceil(count.left))}'
            for each, count in self._told.items()
        )
        return (("ratelimit-policy", _policy(tuple(policies))), *((("ratelimit", told),) if told else ()))

    def _take(self, asked: Iterable[tuple[Limit, str, int]]) -> None:
        charges = [Charge(*each) for each in asked]
        found = self._rates.counters.take(charges)
        for charge, taken in zip(charges, found, strict=True):
            self._told[charge.limit] = taken.counted
        if not all(taken.fits for taken in found):
            raise _refusal(charges, found)


def rates(settings: RateSettings, clock: Clock = time.monotonic) -> Rates:
    """The limits of all callers, as configured.

    Raises:
        ConfigurationError: they cannot be used.
    """
    return Rates(settings, _counters(settings, clock))


def caller(principal: Principal, address: str) -> str:
    """Under which name somebody is counted; whoever is not known, by their address."""
    if principal.kind == "anonymous":
        return f"anonymous:{address}"
    name = f"{principal.kind}:{principal.id}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(name, digest_size=16).hexdigest()


def _counters(settings: RateSettings, clock: Clock) -> Counters:
    if settings.store == "memory://":
        return Local(clock)
    from textmill.security.shared import shared

    secret = settings.store_password
    password = secret.get_secret_value() if secret is not None else None
    return shared(settings.store, password, settings.store_timeout_seconds, clock)


def _limits(settings: RateSettings, quota: Quota) -> dict[str, Limit]:
    found = {name: getattr(quota, name) or getattr(settings, name) for name in COUNTED}
    return {name: limit(name, text) for name, text in found.items() if text}


@lru_cache(1024)
def _policy(limits: tuple[Limit, ...]) -> str:
    return ", ".join(f'"{each.name}";q={each.most};w={each.seconds}' for each in limits)


def _refusal(charges: list[Charge], found: list[Taken]) -> RateLimitedError:
    """The error for the limit that takes longest to be free."""
    seconds, worst = max(
        (
            (wait(taken.counted, charge.limit, charge.amount), charge)
            for charge, taken in zip(charges, found, strict=True)
            if not taken.fits
        ),
        key=lambda pair: pair[0],
    )
    bound = f"{worst.limit.most} {_what(worst.limit.name)} in {worst.limit.seconds} seconds"
    if worst.amount > worst.limit.most:
        message = f"One call brings more than the {bound} that are allowed; split it."
    else:
        message = f"More than the {bound} that are allowed; send it again in {seconds} seconds."
    return RateLimitedError(message, retry_after=seconds)


def _what(name: str) -> str:
    return "requests from one address" if name == "address" else name
