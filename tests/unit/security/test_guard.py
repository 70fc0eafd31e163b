"""The guard at the door."""

from __future__ import annotations

import pytest

from tests.fakes import FakeVerifier
from textmill.errors import (
    AuthUnavailableError,
    CredentialsInvalidError,
    CredentialsMissingError,
    ScopeMissingError,
)
from textmill.security.guard import Guard
from textmill.security.principals import Principal, anonymous

ADA = Principal("1", "ada", "key", frozenset({"predict:a"}))
EVE = Principal("2", "eve", "token", frozenset({"models:read"}))


def guard(*verifiers: FakeVerifier, open_to_all: tuple[str, ...] = ()) -> Guard:
    """A guard who asks these."""
    return Guard(verifiers, anonymous(open_to_all))


def test_the_first_who_takes_a_credential_decides() -> None:
    """Whoever takes it and does not know it is not overruled by the next."""
    both = guard(FakeVerifier("k.", {"k.1": ADA}), FakeVerifier("", {"k.2": EVE, "t.1": EVE}))
    assert ADA == both.identify({"x-api-key": "k.1"})
    assert EVE == both.identify({"x-api-key": "t.1"})
    with pytest.raises(CredentialsInvalidError):
        both.identify({"x-api-key": "k.2"})


def test_a_credential_that_nobody_takes_is_invalid() -> None:
    """It is not the same as none, also where everybody may come in."""
    nobody = guard(open_to_all=("admin",))
    assert nobody.identify({}).kind == "anonymous"
    with pytest.raises(CredentialsInvalidError):
        nobody.identify({"x-api-key": "k.1"})


def test_where_nobody_may_do_anything_credentials_are_asked_for_first() -> None:
    """Before anything is looked at that an answer could tell of."""
    with pytest.raises(CredentialsMissingError):
        guard().identify({})


def test_who_is_not_allowed_learns_what_it_takes() -> None:
    """The known are told the scope, the unknown to show who they are."""
    door = guard(open_to_all=("models:read",))
    door.authorize(ADA, "predict:a")
    door.authorize(door.identify({}), "models:read")
    with pytest.raises(ScopeMissingError, match="'predict:b'"):
        door.authorize(ADA, "predict:b")
    with pytest.raises(CredentialsMissingError):
        door.authorize(door.identify({}), "predict:a")


def test_trouble_is_told_and_lets_nobody_in() -> None:
    """A verifier that cannot tell fails closed."""
    verifier = FakeVerifier("k.", {"k.1": ADA})
    door = guard(verifier)
    assert [] == door.troubles()
    verifier.why = "the store is gone"
    assert ["the store is gone"] == door.troubles()
    with pytest.raises(AuthUnavailableError):
        door.identify({"x-api-key": "k.1"})


def test_verifiers_work_from_start_to_close() -> None:
    """The guard starts and closes all of them."""
    verifier = FakeVerifier("k.", {})
    door = guard(verifier)
    assert not verifier.running
    door.start()
    assert verifier.running
    door.close()
    assert not verifier.running
