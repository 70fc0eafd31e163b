"""Who may do what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textmill.errors import ConfigurationError
from textmill.security.principals import Principal, anonymous, checked_scopes, is_scope


def principal(*scopes: str) -> Principal:
    """Somebody with these scopes."""
    return Principal("1", "somebody", "key", checked_scopes(scopes))


@pytest.mark.parametrize(
    ("scopes", "wanted", "may"),
    [
        (["predict:a"], "predict:a", True),
        (["predict:a"], "predict:b", False),
        (["predict:a"], "predict:*", False),
        (["predict:*"], "predict:b", True),
        (["predict:*"], "models:read", False),
        (["models:read"], "predict:a", False),
        (["admin"], "predict:a", True),
        (["admin"], "metrics:read", True),
        ([], "models:read", False),
    ],
)
def test_a_scope_covers_itself_and_what_is_narrower(scopes: list[str], wanted: str, may: bool) -> None:
    """One model is not another, all models are each, and admin is everything."""
    assert may == principal(*scopes).may(wanted)


@given(st.text(max_size=40))
def test_a_principal_without_scopes_may_do_nothing(wanted: str) -> None:
    """Whatever it is called."""
    assert not anonymous([]).may(wanted)


@pytest.mark.parametrize(
    "text",
    ["predict", "predict:", "predict:A", "predict:a/b", "predict:**", "models:write", "*", "", "Admin"],
)
def test_what_is_no_scope_is_told(text: str) -> None:
    """With all that there are."""
    assert not is_scope(text)
    with pytest.raises(ConfigurationError, match=r"is no scope; take predict:MODEL, predict:\*"):
        checked_scopes(["models:read", text])
