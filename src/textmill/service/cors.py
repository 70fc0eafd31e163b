"""Which web pages may call from a browser (CORS, the Fetch standard)."""

from __future__ import annotations

from collections.abc import Sequence

from textmill.service.messages import Headers, Reply, Request

METHODS = "GET, HEAD, POST"
SENT = "Authorization, Content-Type, X-API-Key, X-Request-ID, X-Request-Timeout, traceparent, tracestate"
SEEN = "RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"
MAX_AGE = "600"
"""Seconds for which a browser may remember a preflight."""


class Cors:
    """Answers browsers' questions, for the origins that are allowed. Credentials of browsers are never sent.

    Args:
        origins: as browsers send them, or `*` for all.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origins)

    def headers(self, request: Request) -> Headers:
        """What a reply tells a browser."""
        origin = request.headers.get("origin")
        if not self._origins:
            return ()
        if "*" in self._origins:
            return (("access-control-allow-origin", "*"), ("access-control-expose-headers", SEEN))
        if origin not in self._origins:
            return (("vary", "origin"),)
        return (
            ("access-control-allow-origin", origin),
            ("access-control-expose-headers", SEEN),
            ("vary", "origin"),
        )

    def preflight(self, request: Request) -> Reply | None:
        """The answer to a browser that asks before it calls; None for every other request."""
        if request.method != "OPTIONS" or "access-control-request-method" not in request.headers:
            return None
        if not self._origins & {"*", request.headers.get("origin")}:
            return None
        return Reply(
            204,
            (
                ("access-control-allow-methods", METHODS),
                ("access-control-allow-headers", SENT),
                ("access-control-max-age", MAX_AGE),
            ),
            b"",
        )
