from __future__ import annotations

import gc
import logging
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.redis_server import PASSWORD, Server, redis_server
from textmill.errors import ConfigurationError, RateLimitedError
from textmill.security.counters import Charge, Local, Taken, limit
from textmill.security.principals import Principal, Quota, anonymous
from textmill.security.rates import Place, Places, Rates, Visit, rates
from textmill.security.shared import PAUSE, Dependable, Shared, shared
from textmill.security.windows import Limit
from textmill.settings import RateSettings

HOUR = Limit("requests", 3, 3600)
KEY = Principal("k1", "team", "key", frozenset())


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """One for each test."""
    return Clock()


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Redis for the tests that do not break it."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def store(redis: Server) -> Iterator[Shared]:
    """An empty store."""
    client = redis.client()
    client.flushall()
    client.script_flush()
    client.close()
    found = Shared(redis.url, PASSWORD, 2.0)
    yield found
    found.close()


def limited(clock: Clock, **asked: object) -> Rates:
    """Limits in memory."""
    return Rates(RateSettings.model_validate(asked), Local(clock))


def came(limits: Rates, principal: Principal = KEY, address: str = "192.0.2.1") -> Visit:
    """A request that came in."""
    visit = limits.visit(address)
    visit.arrive()
    visit.enter(principal)
    return visit


def test_so_many_requests_and_no_more(clock: Clock) -> None:
    """The next one waits until the oldest have faded."""
    limits = limited(clock, requests="3/minute")
    for _ in range(3):
        came(limits)
    with pytest.raises(RateLimitedError) as refused:
        came(limits)
    assert refused.value.retry_after is not None
    clock.now += refused.value.retry_after
    came(limits)


def test_a_limit_holds_at_every_moment(clock: Clock) -> None:
    """Not twice as much around the end of a period, as with fixed windows."""
    limits = limited(clock, requests="100/minute")
    came(limits)
    clock.now += 59
    for _ in range(99):
        came(limits)
    clock.now += 1.5
    came(limits)
    with pytest.raises(RateLimitedError):
        came(limits)


def test_a_key_may_have_limits_of_its_own(clock: Clock) -> None:
    """Wider or narrower than the settings'; what it does not name stays theirs."""
    limits = limited(clock, requests="1/hour", texts="5/hour")
    own = Principal("k2", "wide", "key", frozenset(), Quota(requests="2/hour"))
    came(limits, own)
    visit = came(limits, own)
    with pytest.raises(RateLimitedError):
        visit.charge(6, 6)
    came(limits)
    with pytest.raises(RateLimitedError):
        came(limits)


def test_principals_are_counted_apart(clock: Clock) -> None:
    """A key and a token of the same name too; nobody by their address, but those who are not known."""
    limits = limited(clock, requests="1/hour")
    came(limits, KEY)
    came(limits, Principal("k1", "team", "token", frozenset()))
    came(limits, anonymous(()), "192.0.2.1")
    came(limits, anonymous(()), "192.0.2.2")
    for principal in (KEY, anonymous(())):
        with pytest.raises(RateLimitedError):
            came(limits, principal, "192.0.2.2")


def test_an_address_is_counted_whoever_asks(clock: Clock) -> None:
    """Before anything is known of them."""
    limits = limited(clock, address_requests="2/hour")
    limits.visit("192.0.2.1").arrive()
    limits.visit("192.0.2.1").arrive()
    with pytest.raises(RateLimitedError, match="requests from one address"):
        limits.visit("192.0.2.1").arrive()
    limits.visit("192.0.2.2").arrive()


def test_what_is_refused_is_not_counted(clock: Clock) -> None:
    """Where the characters are too many, the texts are not charged."""
    limits = limited(clock, texts="10/hour", characters="100/hour")
    visit = came(limits)
    with pytest.raises(RateLimitedError, match="split it"):
        visit.charge(9, 101)
    visit.charge(10, 100)
    with pytest.raises(RateLimitedError, match="again in"):
        visit.charge(1, 1)


def test_the_caller_is_told(clock: Clock) -> None:
    """Every policy that holds, and what is left of what was counted."""
    limits = limited(clock, requests="600/minute", texts="1000/2 hours", address_requests="60/second")
    visit = came(limits)
    assert (
        ("ratelimit-policy", '"requests";q=600;w=60, "texts";q=1000;w=7200, "address";q=60;w=1'),
        ("ratelimit", '"address";r=59;t=1, "requests";r=599;t=60'),
    ) == visit.headers
    clock.now += 10
    visit.charge(4, 40)
    assert '"texts";r=996;t=7200' in dict(visit.headers)["ratelimit"]
    later = came(limits)
    assert '"requests";r=598;t=50' in dict(later.headers)["ratelimit"]


def test_without_limits_nobody_is_told_anything(clock: Clock) -> None:
    """No headers, no counts."""
    limits = limited(clock)
    visit = came(limits)
    visit.charge(1000, 1000)
    assert () == visit.headers


def test_so_many_at_once_and_no_more(clock: Clock) -> None:
    """A request that has ended makes room, once."""
    limits = limited(clock, concurrent=2)
    first, _second = came(limits), came(limits)
    with pytest.raises(RateLimitedError) as refused:
        came(limits)
    assert 1 == refused.value.retry_after
    first.leave()
    first.leave()
    _third = came(limits)
    with pytest.raises(RateLimitedError):
        came(limits)


def test_a_request_that_is_lost_makes_room(clock: Clock) -> None:
    """Where neither a reply nor a leave ends it."""
    limits = limited(clock, concurrent=1)
    visit: Visit | None = came(limits)
    assert visit is not None
    del visit
    gc.collect()
    came(limits).leave()
    assert 0 == len(limits.places)


class Forgetful(str):
    """A caller during whose count another place of theirs is lost, as the garbage collector may do it."""

    __slots__ = ("looks", "lost")
    looks: int
    lost: list[Place | None]

    def __hash__(self) -> int:
        self.looks += 1
        if self.looks == SECOND:
            self.lost.clear()
        return super().__hash__()


SECOND = 2
"""A count is read, then written; what is lost in between must not be overwritten."""


def test_a_place_that_is_lost_amid_a_count_makes_room_too() -> None:
    """Nothing stays taken for ever."""
    places = Places()
    caller = Forgetful("a")
    caller.looks, caller.lost = 0, [places.take("a", 5)]
    kept = places.take(caller, 5)

    assert (kept is not None, []) == (True, caller.lost)
    assert kept is not None
    kept.leave()
    assert 0 == len(places)


def test_many_threads_take_just_the_places_there_are(clock: Clock) -> None:
    """And all are given back."""
    limits = limited(clock, concurrent=5, requests="1000/hour")
    kept: list[Visit] = []
    refused: list[Exception] = []

    def ask() -> None:
        for _ in range(20):
            try:
                kept.append(came(limits))
            except RateLimitedError as error:
                refused.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (5, 155) == (len(kept), len(refused))
    for visit in kept:
        visit.leave()
    assert 0 == len(limits.places)


def test_memory_is_bounded(clock: Clock) -> None:
    """A flood of distinct callers: those unseen for longest are forgotten, those that stay are not."""
    local = Local(clock, most=100)
    busy = Charge(HOUR, "busy", 1)
    for number in range(1000):
        if number % 50 == 0:
            local.take([busy])
        local.take([Charge(HOUR, f"caller-{number}", 1)])
    assert 100 == len(local._windows["requests"])
    assert not local.take([busy])[0].fits


@given(st.lists(st.tuples(st.integers(1, 4), st.floats(0, 90)), max_size=40))
def test_no_sliding_window_lets_through_more_than_twice_the_limit(
    asked: list[tuple[int, float]],
) -> None:
    """In any minute at all, whatever the timing: what came before is an estimate, but bounded."""
    clock = Clock()
    local, per_minute = Local(clock), Limit("texts", 10, 60)
    taken: list[tuple[float, int]] = []
    for amount, pause in asked:
        clock.now += pause
        if local.take([Charge(per_minute, "a", amount)])[0].fits:
            taken.append((clock.now, amount))
    for moment, _ in taken:
        assert sum(amount for when, amount in taken if moment - 60 < when <= moment) < 20


@pytest.mark.parametrize(
    ("expected", "text"),
    [((100, 60), "100/minute"), ((5000000, 7200), "5000000/2 hours"), ((1, 1), "1 / second")],
)
def test_limits_are_read(expected: tuple[int, int], text: str) -> None:
    """As the settings let them through."""
    found = limit("requests", text)
    assert expected == (found.most, found.seconds)


def test_a_limit_of_a_key_that_cannot_be_read_is_a_wrong_configuration() -> None:
    """The message says how to write it."""
    with pytest.raises(ConfigurationError, match="100/minute"):
        limit("requests", "many")


@pytest.mark.parametrize(
    "url", ["mongodb://u:hush@h", "redis://u:hush@host:port", "hush", "redis://[hush", "memory"]
)
def test_an_unknown_store_is_refused_without_its_url(url: str) -> None:
    """It may hold a password."""
    with pytest.raises(ConfigurationError) as refused:
        rates(RateSettings(store=url))
    assert "hush" not in str(refused.value)
    assert "hush" not in repr(RateSettings(store=url))


# The store that processes share.


def test_two_processes_share_their_counts(store: Shared, redis: Server) -> None:
    """Here: two clients of one store; it has lost its scripts meanwhile, as after a restart."""
    other = Shared(redis.url, PASSWORD, 2.0)
    charge = Charge(HOUR, "a", 1)
    assert [True] * 3 == [each.take([charge])[0].fits for each in (store, other, store)]
    with redis.client() as client:
        client.script_flush()
    assert not other.take([charge])[0].fits
    other.close()


@given(st.lists(st.lists(st.integers(1, 4), min_size=2, max_size=2), max_size=12))
def test_the_shared_store_counts_as_the_local_one(redis: Server, asked: list[list[int]]) -> None:
    """The same charges fit, and the same remains."""
    with redis.client() as client:
        client.flushall()
    limits = Limit("texts", 10, 36_000), Limit("characters", 12, 36_000)
    stores = Shared(redis.url, PASSWORD, 2.0), Local(Clock())
    for amounts in asked:
        charges = [Charge(each, "a", amount) for each, amount in zip(limits, amounts, strict=True)]
        shared_found, local_found = (each.take(charges) for each in stores)
        assert all(each.fits for each in local_found) == all(each.fits for each in shared_found)
        if all(each.fits for each in local_found):
            assert [each.counted.current for each in local_found] == [
                each.counted.current for each in shared_found
            ]
            assert all(abs(each.counted.left - 36_000) < 60 for each in shared_found)
    stores[0].close()


def test_nothing_stays_in_the_store_for_ever(store: Shared, redis: Server) -> None:
    """Every count expires after two periods."""
    store.take([Charge(Limit("requests", 3, 60), "a", 1)])
    with redis.client() as client:
        assert [True] == [0 < client.ttl(key) <= 120 for key in client.scan_iter()]


def test_a_store_that_dies_and_comes_back(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The worker goes on by itself, says so once, tries again after a pause, and says that once."""
    caplog.set_level(logging.INFO, "textmill")
    charge = [Charge(HOUR, "a", 1)]
    with redis_server(tmp_path) as server:
        store = shared(f"redis://:{PASSWORD}@127.0.0.1:{server.port}", None, 1.0, clock)
        assert 1 == store.take(charge)[0].counted.current
        assert 2 == store.take(charge)[0].counted.current
        server.stop()
        assert [1, 2, 3] == [store.take(charge)[0].counted.current for _ in range(3)]
        assert not store.take(charge)[0].fits
        server.start()
        assert not store.take(charge)[0].fits, "it is left alone for a while"
        clock.now += PAUSE
        assert 1 == store.take(charge)[0].counted.current
        store.close()
    words = [record.getMessage() for record in caplog.records]
    assert 2 == len(words)
    assert "counts for itself" in words[0]
    assert "is back" in words[1]
    assert all(f"redis://127.0.0.1:{server.port}" in each for each in words)
    assert PASSWORD not in caplog.text


def test_a_store_that_hangs_holds_up_one_request_only(tmp_path: Path, clock: Clock) -> None:
    """For the timeout, and not once more."""
    charge = [Charge(HOUR, "a", 1)]
    with redis_server(tmp_path) as server:
        store = shared(server.url, PASSWORD, 0.2, clock)
        store.take(charge)
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        for _ in range(3):
            store.take(charge)
        assert time.monotonic() - begun < 1.0
        store.close()


def test_a_store_behind_a_port_that_says_nothing_or_nonsense(clock: Clock) -> None:
    """Both are a store that failed."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = shared(f"redis://127.0.0.1:{silent.getsockname()[1]}", None, 0.1, clock)
        assert store.take([Charge(HOUR, "a", 1)])[0].fits
        store.close()


def test_a_wrong_password_is_a_store_that_failed(
    redis: Server, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The worker counts for itself, and the log does not repeat the password."""
    store = shared(redis.url, "not-the-password", 1.0, clock)
    assert store.take([Charge(HOUR, "a", 1)])[0].fits
    assert "AuthenticationError" in caplog.text
    assert "not-the-password" not in caplog.text
    store.close()


def test_one_caller_at_a_time_tries_again(clock: Clock) -> None:
    """While a store fails, the others do not wait for it."""

    class Broken(Local):
        tries = 0

        def take(self, _charges: Sequence[Charge]) -> list[Taken]:
            self.tries += 1
            raise OSError

    broken = Broken(clock)
    store = Dependable(broken, Local(clock), clock, "a store")
    for _ in range(5):
        store.take([Charge(HOUR, "a", 1)])
    assert 1 == broken.tries
    clock.now += PAUSE
    for _ in range(5):
        store.take([Charge(HOUR, "a", 1)])
    assert 2 == broken.tries
