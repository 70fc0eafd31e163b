"""Which web pages may call."""

from __future__ import annotations

import pytest

from textmill.service.cors import Cors
from textmill.service.messages import Request

OURS = "https://app.example.com"


def asked(method: str = "POST", **headers: str) -> Request:
    """A browser's request."""
    return Request(method, "/predict", {name.replace("_", "-"): value for name, value in headers.items()})


def test_without_origins_browsers_are_told_nothing() -> None:
    """The default: no other page may call."""
    assert () == Cors([]).headers(asked(origin=OURS))
    assert Cors([]).preflight(asked("OPTIONS", origin=OURS, access_control_request_method="POST")) is None


def test_an_allowed_origin_is_named_and_another_is_not() -> None:
    """And caches are told that the answer depends on it."""
    cors = Cors([OURS])
    assert dict(cors.headers(asked(origin=OURS)))["access-control-allow-origin"] == OURS
    for other in ("https://evil.example.com", f"{OURS}.evil.com", "null", OURS.upper()):
        assert (("vary", "origin"),) == cors.headers(asked(origin=other))
    assert (("vary", "origin"),) == cors.headers(asked())


def test_no_answer_allows_a_browsers_own_credentials() -> None:
    """Cookies are never wanted, so `*` is no danger."""
    for cors in (Cors([OURS]), Cors(["*"])):
        assert "access-control-allow-credentials" not in dict(cors.headers(asked(origin=OURS)))
    assert dict(Cors(["*"]).headers(asked(origin=OURS)))["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("origins", [[OURS], ["*"]])
def test_a_preflight_is_answered_without_credentials(origins: list[str]) -> None:
    """With the methods and headers that the contract has."""
    reply = Cors(origins).preflight(asked("OPTIONS", origin=OURS, access_control_request_method="POST"))
    assert reply is not None
    assert (204, b"") == (reply.status, reply.body)
    assert "X-API-Key" in dict(reply.headers)["access-control-allow-headers"]


def test_an_options_call_that_is_no_preflight_goes_its_way() -> None:
    """So does a preflight of a foreign page."""
    cors = Cors([OURS])
    assert cors.preflight(asked("OPTIONS", origin=OURS)) is None
    assert cors.preflight(asked("POST", origin=OURS, access_control_request_method="POST")) is None
    evil = asked("OPTIONS", origin="https://evil.example.com", access_control_request_method="POST")
    assert cors.preflight(evil) is None
