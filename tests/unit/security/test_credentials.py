"""Credentials in headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textmill.errors import CredentialsAmbiguousError, CredentialsInvalidError, RequestError
from textmill.security import credentials


def test_a_key_has_two_places() -> None:
    """A header of its own, or as a bearer token; the scheme in any case."""
    assert credentials.find({}) is None
    assert credentials.find({"x-api-key": "tm_1"}) == "tm_1"
    assert credentials.find({"authorization": "Bearer tm_1"}) == "tm_1"
    assert credentials.find({"authorization": "bearer  tm_1"}) == "tm_1"


def test_two_credentials_are_one_too_many() -> None:
    """It must be clear who is asking, even where both say the same."""
    with pytest.raises(CredentialsAmbiguousError):
        credentials.find({"x-api-key": "tm_1", "authorization": "Bearer tm_1"})


@pytest.mark.parametrize(
    "value",
    ["", " ", "tm_1,tm_2", "tm_1 tm_2", "tm_\x00", "tm_\r\nX: y", "tm_ä", "a" * 8193, "=", "\ttm_1"],
    ids=repr,
)
def test_what_no_credential_looks_like_is_refused(value: str) -> None:
    """Two headers joined by a comma, white space, control characters, other alphabets, and too much."""
    with pytest.raises(CredentialsInvalidError):
        credentials.find({"x-api-key": value})


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic dTpw", "tm_1", "Token tm_1", "Bearer a b"])
def test_other_schemes_are_refused(value: str) -> None:
    """Basic belongs to the token endpoint alone."""
    with pytest.raises(CredentialsInvalidError):
        credentials.find({"authorization": value})


@given(st.text(), st.text())
def test_whatever_is_sent_no_error_repeats_it(key: str, authorization: str) -> None:
    """A refusal is one of ours, and holds nothing of the header."""
    for headers in ({"x-api-key": f"c4n4ry {key}"}, {"authorization": f"c4n4ry {authorization}"}):
        with pytest.raises(RequestError) as caught:
            credentials.find(headers)
        assert "c4n4ry" not in str(caught.value)
