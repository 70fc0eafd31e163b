"""What adapters hand in and get back."""

from __future__ import annotations

from textmill.service.messages import Exchange, Reply, Request

SECRET = "tm_0123456789ab_secret"


def test_nothing_that_a_caller_sent_or_gets_is_shown_by_accident() -> None:
    """Whoever logs the variables of a failed call has neither key nor text in the log."""
    request = Request("POST", "/predict", {"x-api-key": SECRET}, b'{"text": "secret"}', "192.0.2.1")
    reply = Reply(200, (("content-type", "application/json"),), b'{"text": "secret"}')
    exchange = Exchange("id-1", answer=reply)

    assert "secret" not in f"{request} {reply} {exchange}"
    assert "POST" in repr(request)
    assert "200" in repr(reply)
