from __future__ import annotations

import logging
import sqlite3
import string
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from textmill.errors import (
    AuthUnavailableError,
    CredentialsInvalidError,
    CredentialsMissingError,
    KeyStoreError,
    RequestError,
)
from textmill.security.guard import Guard
from textmill.security.keyring import PATIENCE_SECONDS, Keyring
from textmill.security.keys import ALPHABET, Issued, Key, issue
from textmill.security.principals import Principal, Quota, anonymous
from textmill.security.store import Contents, KeyStore

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PEPPER = b"pepper"
NOBODY = anonymous([])


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Listed(KeyStore):
    """A store that holds what a test gives it, where its reading is not the subject."""

    def __init__(self, *keys: Key) -> None:
        self.pepper = PEPPER
        self.contents = Contents("listed", 1, keys)
        self.broken: Exception | None = None
        self.reading: Callable[[], None] = lambda: None

    def __repr__(self) -> str:
        return "Listed()"

    def read(self, identity: str = "", revision: int = 0) -> Contents:  # noqa: ARG002 - the store's signature
        self.reading()
        if self.broken is not None:
            raise self.broken
        return self.contents

    def close(self) -> None:
        pass


@pytest.fixture
def clock() -> Clock:
    """What times of readings are told by."""
    return Clock(1000.0)


@pytest.fixture
def wall() -> Clock:
    """What times of keys are told by."""
    return Clock(NOW.timestamp())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the store is."""
    return tmp_path / "keys.sqlite"


@pytest.fixture
def store(file: Path) -> Iterator[KeyStore]:
    """A store with tables in a file."""
    with closing(KeyStore(f"sqlite:///{file}", pepper=PEPPER, wait_seconds=0.2)) as found:
        found.prepare()
        yield found


@pytest.fixture
def keyring(store: KeyStore, clock: Clock, wall: Clock) -> Keyring:
    """One that reads when the test says so."""
    return Keyring(store, clock=clock, wall=wall)


def new(name: str = "ci", expires: datetime | None = None, quota: Quota = Quota()) -> Issued:  # noqa: B008 - frozen
    """A key, not kept yet."""
    return issue(name, ["predict:*"], pepper=PEPPER, now=NOW, expires=expires, quota=quota)


def kept(store: KeyStore, name: str = "ci", expires: datetime | None = None) -> Issued:
    """A key in the store."""
    issued = new(name, expires)
    store.add(issued.key)
    return issued


def refuses(keyring: Keyring, text: str, how: type[Exception] = CredentialsInvalidError) -> bool:
    """Whether a key is refused in this very way."""
    with pytest.raises(how) as caught:
        keyring.principal(text)
    assert text not in str(caught.value)
    return type(caught.value) is how


def test_a_key_tells_who_brings_it(store: KeyStore, keyring: Keyring) -> None:
    """Its id, its name, its scopes and its limits."""
    issued = new(quota=Quota(texts="5/minute"))
    store.add(issued.key)
    keyring.refresh()

    expected = Principal(issued.key.id, "ci", "key", frozenset({"predict:*"}), Quota(texts="5/minute"))
    assert keyring.takes(issued.text)
    assert expected == keyring.principal(issued.text)
    assert None is keyring.trouble()


def test_before_the_first_reading_nobody_comes_in(store: KeyStore, keyring: Keyring) -> None:
    """It cannot be told who it is; readiness says why."""
    issued = kept(store)

    assert refuses(keyring, issued.text, AuthUnavailableError)
    assert "the key store cannot be read: it has not been read yet" == keyring.trouble()


def test_an_unknown_key_is_wrong(keyring: Keyring) -> None:
    """Although its form is right."""
    keyring.refresh()

    assert keyring.takes(new().text)
    assert refuses(keyring, new().text)


def test_a_key_ends_at_its_time_without_any_reading(store: KeyStore, keyring: Keyring, wall: Clock) -> None:
    """At the very second, by the wall's clock."""
    issued = kept(store, expires=NOW + HOUR)
    keyring.refresh()
    wall.now = (NOW + HOUR).timestamp() - 0.001
    assert "key" == keyring.principal(issued.text).kind

    wall.now = (NOW + HOUR).timestamp()
    assert refuses(keyring, issued.text)


def test_what_others_write_is_seen_at_the_next_reading(store: KeyStore, keyring: Keyring) -> None:
    """New keys, revoked ones, and successors with their overlap."""
    first = kept(store, "first")
    keyring.refresh()
    second = kept(store, "second")
    store.revoke("first", NOW)
    third = store.rotate("second", NOW, timedelta())
    assert "key" == keyring.principal(first.text).kind
    assert refuses(keyring, third.text)

    keyring.refresh()
    assert refuses(keyring, first.text)
    assert refuses(keyring, second.text)
    assert "second" == keyring.principal(third.text).name


def test_a_reading_that_fails_refuses_everybody(store: KeyStore, keyring: Keyring, file: Path) -> None:
    """Known keys too, since they may have been revoked; readiness says why, without where."""
    issued = kept(store)
    keyring.refresh()
    file.unlink()
    keyring.refresh()

    assert refuses(keyring, issued.text, AuthUnavailableError)
    assert refuses(keyring, new().text, AuthUnavailableError)
    assert "no such file" in str(keyring.trouble())
    assert file.name not in str(keyring.trouble())


def test_known_keys_stay_for_as_long_as_the_operator_says(
    store: KeyStore, clock: Clock, wall: Clock, file: Path
) -> None:
    """Counted from the last good reading; unknown ones cannot be told from new ones."""
    keyring = Keyring(store, cached_seconds=60, clock=clock, wall=wall)
    issued, ending = kept(store), kept(store, "ending", NOW + HOUR)
    keyring.refresh()
    file.rename(file.with_suffix(".away"))
    clock.now += 59
    keyring.refresh()
    wall.now = (NOW + HOUR).timestamp()

    assert "ci" == keyring.principal(issued.text).name
    assert refuses(keyring, ending.text)
    assert refuses(keyring, new().text, AuthUnavailableError)
    assert None is keyring.trouble()
    clock.now += 2
    assert refuses(keyring, issued.text, AuthUnavailableError)
    assert "no such file" in str(keyring.trouble())


def test_a_store_that_comes_back_is_believed_again(store: KeyStore, keyring: Keyring, file: Path) -> None:
    """Nobody has to restart anything."""
    issued = kept(store)
    keyring.refresh()
    file.rename(file.with_suffix(".away"))
    keyring.refresh()
    file.with_suffix(".away").rename(file)
    keyring.refresh()

    assert "ci" == keyring.principal(issued.text).name
    assert None is keyring.trouble()


def test_a_store_in_the_place_of_another_is_read_anew(store: KeyStore, keyring: Keyring, file: Path) -> None:
    """Its keys are good, those of the former are not, also where it was written more often."""
    former = kept(store)
    keyring.refresh()
    file.unlink()
    store.prepare()
    kept(store, "a")
    kept(store, "b")
    later = kept(store, "c")
    keyring.refresh()

    assert "c" == keyring.principal(later.text).name
    assert refuses(keyring, former.text)


def test_an_older_copy_of_the_store_is_read_anew(store: KeyStore, keyring: Keyring, file: Path) -> None:
    """A backup: what was made after it is gone."""
    early = kept(store, "early")
    backup = file.read_bytes()
    late = kept(store, "late")
    keyring.refresh()
    assert "key" == keyring.principal(late.text).kind
    file.write_bytes(backup)
    keyring.refresh()

    assert "early" == keyring.principal(early.text).name
    assert refuses(keyring, late.text)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda file: file.write_bytes(b"no database " * 100), "no SQLite database"),
        (lambda file: file.write_bytes(b""), "no tables"),
        (lambda file: sqlite3.connect(file).executescript("DROP TABLE textmill_keys"), "no tables"),
        (lambda file: sqlite3.connect(file).executescript("DELETE FROM textmill_key_store"), "no tables"),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed database")
def test_a_store_that_is_harmed_lets_nobody_in(
    store: KeyStore, keyring: Keyring, file: Path, harm: Callable[[Path], object], reason: str
) -> None:
    """And says what is wrong with it."""
    issued = kept(store)
    harm(file)
    keyring.refresh()

    assert refuses(keyring, issued.text, AuthUnavailableError)
    assert reason in str(keyring.trouble())


def test_a_failure_is_logged_once_and_its_end_once(
    keyring: Keyring, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not once a second."""
    caplog.set_level(logging.INFO, "textmill")
    keyring.refresh()
    file.rename(file.with_suffix(".away"))
    for _ in range(5):
        keyring.refresh()
    file.with_suffix(".away").rename(file)
    for _ in range(5):
        keyring.refresh()

    assert [logging.ERROR, logging.INFO] == [record.levelno for record in caplog.records]
    assert str(file) in caplog.messages[0]


def test_a_failure_that_nobody_foresaw_ends_nothing(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Its type is told, its message, which may hold anything, is not."""
    store = Listed()
    store.broken = RuntimeError("geheim")
    keyring = Keyring(store, clock=clock)
    keyring.refresh()

    assert "the key store cannot be read: it failed with RuntimeError" == keyring.trouble()
    assert "geheim" not in caplog.text


def test_a_reading_that_hangs_is_not_waited_for(clock: Clock, wall: Clock) -> None:
    """What was read before is believed for a while, and then not any more."""
    issued = new()
    keyring = Keyring(Listed(issued.key), refresh_seconds=2, clock=clock, wall=wall)
    keyring.refresh()
    clock.now += 2 + PATIENCE_SECONDS
    assert "key" == keyring.principal(issued.text).kind

    clock.now += 0.001
    assert refuses(keyring, issued.text, AuthUnavailableError)
    assert "the key store cannot be read: it has not answered in time" == keyring.trouble()


def test_a_reading_counts_from_its_beginning(clock: Clock, wall: Clock) -> None:
    """A slow one is old when it arrives."""
    issued = new()
    store = Listed(issued.key)
    keyring = Keyring(store, refresh_seconds=2, clock=clock, wall=wall)

    def slowly() -> None:
        clock.now += 3 + PATIENCE_SECONDS

    store.reading = slowly
    keyring.refresh()
    assert refuses(keyring, issued.text, AuthUnavailableError)


def test_whoever_is_started_knows_the_keys(store: KeyStore) -> None:
    """A fresh worker turns nobody away who has a key."""
    issued = issue("early", ["admin"], pepper=store.pepper, now=datetime.now(UTC))
    store.add(issued.key)
    with closing(Keyring(store, refresh_seconds=60)) as started:
        started.start()
        assert issued.key.principal == started.principal(issued.text)


def test_its_thread_reads_by_itself_and_ends(store: KeyStore) -> None:
    """A second start makes no second thread; afterwards nothing is left, and no key is good."""
    issued = kept(store)
    keyring = Keyring(store, refresh_seconds=0.1)
    keyring.start()
    keyring.start()
    assert happens(lambda: keyring.trouble() is None)
    assert "ci" == keyring.principal(issued.text).name
    store.revoke("ci", NOW)
    assert happens(lambda: _refused(keyring, issued.text))

    assert 1 == sum(thread.name == "textmill-keys" for thread in threading.enumerate())
    keyring.close()
    assert 0 == sum(thread.name == "textmill-keys" for thread in threading.enumerate())
    assert refuses(keyring, issued.text, AuthUnavailableError)


def _refused(keyring: Keyring, text: str) -> bool:
    try:
        keyring.principal(text)
    except CredentialsInvalidError:
        return True
    return False


def happens(what: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether something becomes true in time."""
    pause = threading.Event()
    for _ in range(int(seconds * 100)):
        if what():
            return True
        pause.wait(0.01)
    return False


def test_a_store_of_either_kind_is_followed(opened: Callable[..., KeyStore]) -> None:
    """Also on PostgreSQL, where the writers are other connections."""
    writer, reader = opened(pepper=PEPPER), opened(pepper=PEPPER)
    writer.prepare()
    followed = Keyring(reader, wall=NOW.timestamp)
    first = kept(writer, "first")
    followed.refresh()
    second = kept(writer, "second")
    writer.revoke("first", NOW)
    followed.refresh()

    assert refuses(followed, first.text)
    assert "second" == followed.principal(second.text).name


def test_nothing_of_a_key_is_shown_by_accident(store: KeyStore, keyring: Keyring) -> None:
    """No repr on the way tells a hash."""
    issued = kept(store)
    keyring.refresh()

    for shown in (repr(keyring), repr(keyring._snapshot), repr(list(keyring._snapshot.known.values()))):
        assert repr(issued.key.digest) not in shown
        assert "\\x" not in shown


def test_a_holder_is_known_by_the_id_of_a_key_that_is_good(
    store: KeyStore, keyring: Keyring, wall: Clock, file: Path
) -> None:
    """What tokens made from keys are checked by."""
    good, revoked, ending = kept(store), kept(store, "revoked"), kept(store, "ending", NOW + HOUR)
    store.revoke("revoked", NOW)
    with pytest.raises(AuthUnavailableError):
        keyring.is_active(good.key.id)
    keyring.refresh()

    assert good.key.principal == keyring.is_active(good.key.id)
    assert ending.key.principal == keyring.is_active(ending.key.id)
    wall.now = (NOW + HOUR).timestamp()
    assert [None, None, None] == [
        keyring.is_active(key_id) for key_id in (revoked.key.id, ending.key.id, "000000000000")
    ]
    file.unlink()
    keyring.refresh()
    with pytest.raises(AuthUnavailableError):
        keyring.is_active(good.key.id)


def test_a_flood_of_wrong_keys_leaves_nothing_behind(clock: Clock, wall: Clock) -> None:
    """After 100,000 different ones the keyring holds the very same snapshot of one key."""
    issued = new()
    keyring = Keyring(Listed(issued.key), clock=clock, wall=wall)
    keyring.refresh()
    before = {name: getattr(keyring, name) for name in vars(keyring)}
    wrong = "tm_0123456789ab_" + "a" * 37
    for number in range(100_000):
        try:
            keyring.principal(f"{wrong}{number:06}")
        except CredentialsInvalidError:
            continue
        raise AssertionError(number)

    assert all(before[name] is getattr(keyring, name) for name in vars(keyring))
    assert 1 == len(keyring._snapshot.known) == len(keyring._snapshot.digests)


def test_another_pepper_makes_another_key(clock: Clock, wall: Clock) -> None:
    """Who steals the stored hashes cannot even try keys without it."""
    issued = new()
    store = Listed(issued.key)
    store.pepper = b"another"
    keyring = Keyring(store, clock=clock, wall=wall)
    keyring.refresh()

    assert refuses(keyring, issued.text)


CHARACTERS = st.sampled_from(ALPHABET + "_~+/=-. ,\n\x00é") | st.characters()


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """Something near a key: changed, cut, doubled, in another case."""
    place = draw(st.integers(0, len(text)))
    kinds = ("change", "insert", "remove", "cut", "tail", "swap", "case", "double", "any")
    kind = draw(st.sampled_from(kinds))
    extra = draw(st.text(CHARACTERS, min_size=1, max_size=3))
    return {
        "change": text[:place] + extra[0] + text[place + 1 :],
        "insert": text[:place] + extra + text[place:],
        "remove": text[:place] + text[place + 1 :],
        "cut": text[:place],
        "tail": text[place:],
        "swap": text[place:] + text[:place],
        "case": text.swapcase(),
        "double": f"{text},{text}",
        "any": draw(st.text(string.printable, max_size=80)),
    }[kind]


ONLY = new()


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated(ONLY.text), st.sampled_from(["x-api-key", "authorization"]))
@example("", "x-api-key")
@example(ONLY.key.prefix, "x-api-key")
@example(ONLY.key.digest.hex(), "x-api-key")
def test_nothing_but_the_key_itself_is_accepted(text: str, header: str) -> None:
    """By either header, whatever it looks like."""
    assume(text != ONLY.text)
    assume(header == "x-api-key" or text.strip(" ") != ONLY.text)  # spaces around a bearer token are HTTP's
    keyring = Keyring(Listed(ONLY.key), wall=NOW.timestamp)
    keyring.refresh()
    guard = Guard([keyring], NOBODY)
    value = text if header == "x-api-key" else f"Bearer {text}"

    assert "ci" == guard.identify({"x-api-key": ONLY.text}).name
    with pytest.raises((CredentialsMissingError, RequestError)):
        guard.authorize(guard.identify({header: value}), "predict:sentiment")


def test_a_key_store_error_keeps_its_place_for_the_operator() -> None:
    """The reason for everybody, the message for the log."""
    error = KeyStoreError("The key store (host/name) is locked.", reason="locked")

    assert ("locked", "The key store (host/name) is locked.") == (error.reason, str(error))
    assert "plain" == KeyStoreError("plain").reason
