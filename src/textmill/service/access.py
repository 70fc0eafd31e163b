"""Whether a request may go on: who asks, whether they may, and what the answer tells them of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textmill.security.guard import Guard
from textmill.security.principals import Principal
from textmill.service.messages import Headers, Request


@dataclass(slots=True)
class Admission:
    """A request that may go on, and whose it is; see `messages.Grant`."""

    principal: Principal
    headers: Headers = ()

    def charge(self, texts: int, characters: int) -> None:
        """Nothing is counted."""

    def leave(self) -> None:
        """Nothing is counted."""


class Access:
    """Lets requests in, or not."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def admit(self, request: Request, scope: Callable[[], str]) -> Admission:
        """Let a request go on.

        Args:
            scope: what it takes; asked only once it is known who asks.

        Raises:
            RequestError, AuthUnavailableError: it may not.
        """
        principal = self._guard.identify(request.headers)
        self._guard.authorize(principal, scope())
        return Admission(principal)

    def start(self) -> None:
        """Begin to know who may come in."""
        self._guard.start()

    def close(self) -> None:
        """Stop everything."""
        self._guard.close()

    def troubles(self) -> list[str]:
        """Why some callers cannot be let in at present; empty while all is well."""
        return self._guard.troubles()
