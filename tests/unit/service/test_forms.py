"""From the bytes of a form to its parameters; the wrong ones are in `tests/contract/test_tokens.py`."""

from __future__ import annotations

import pytest

from textmill.errors import BodyTimeoutError
from textmill.service.forms import read
from textmill.service.messages import Request

FORM = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", {}),
        (b"a=1&b=two+words&c=%C3%A9%26", {"a": "1", "b": "two words", "c": "\u00e9&"}),
        (b"a=&b&c=1", {"c": "1"}),
        (b"a=1;b=2", {"a": "1;b=2"}),
        (b"a=%zz", {"a": "%zz"}),
    ],
)
def test_parameters_are_read_as_browsers_write_them(body: bytes, expected: dict[str, str]) -> None:
    """One without a value counts as not sent."""
    assert expected == read(Request("POST", "/oauth/token", FORM, body))


def test_a_form_that_does_not_arrive_is_a_timeout() -> None:
    """The adapter gave it up."""
    with pytest.raises(BodyTimeoutError):
        read(Request("POST", "/oauth/token", FORM, None))
