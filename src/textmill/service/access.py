"""Whether a request may go on: who asks, whether they may, how much, and what the answer tells them of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textmill.security.addresses import HEADER, Addresses
from textmill.security.guard import Guard
from textmill.security.principals import ADMIN, Principal, anonymous
from textmill.service.messages import Headers, Request

if TYPE_CHECKING:
    from textmill.security.rates import Rates, Visit

EVERYBODY = anonymous((ADMIN,))
"""Who asks, where nobody is asked who they are."""


class Admission:
    """A request on its way in; see `messages.Grant`.

    Attributes:
        principal: who asks; None before that is known, and where it does not matter.
    """

    __slots__ = ("_access", "_request", "_visit", "principal")

    def __init__(self, access: Access, request: Request) -> None:
        self._access = access
        self._request = request
        self._visit: Visit | None = None
        self.principal: Principal | None = None

    @property
    def headers(self) -> Headers:
        return self._visit.headers if self._visit is not None else ()

    def arrive(self) -> None:
        """Count the request for its address.

        Raises:
            RateLimitedError: too many come from there.
        """
        if self._access.limits_addresses:
            self._visit = self._access.visit(self._request)
            self._visit.arrive()

    def enter(self, scope: Callable[[], str]) -> None:
        """Let it go on.

        Args:
            scope: what it takes; asked only once it is known who asks.

        Raises:
            RequestError, AuthUnavailableError: it may not.
        """
        self.principal = self._access.known(self._request, scope)
        if self._access.limits(self.principal):
            self._visit = self._visit or self._access.visit(self._request)
            self._visit.enter(self.principal)

    def charge(self, texts: Sequence[str]) -> None:
        if self._visit is not None:
            self._visit.charge(len(texts), sum(map(len, texts)))

    def leave(self) -> None:
        if self._visit is not None:
            self._visit.leave()


class Access:
    """Lets requests in, or not.

    Args:
        guard: knows who may come in; None lets everybody do everything.
        rates: how much they may ask; None sets no limit.
        proxies: whose word on a caller's address is believed.

    Attributes:
        limits_addresses: whether requests are counted by address, whoever asks.
    """

    def __init__(self, guard: Guard | None, rates: Rates | None = None, proxies: Sequence[str] = ()) -> None:
        self._guard = guard
        self._rates = rates
        self._addresses = Addresses(proxies)
        self.limits_addresses = rates is not None and rates.address is not None

    def admission(self, request: Request) -> Admission:
        """A request on its way in; nothing is decided or counted yet."""
        return Admission(self, request)

    def limits(self, principal: Principal) -> bool:
        """Whether anything of what somebody asks is counted."""
        return self._rates is not None and self._rates.apply_to(principal.quota)

    def visit(self, request: Request) -> Visit:
        """What counts a request; only where something is limited."""
        if self._rates is None:
            raise RuntimeError("nothing is limited")
        return self._rates.visit(self._addresses.of(request.peer, request.headers.get(HEADER)))

    def known(self, request: Request, scope: Callable[[], str]) -> Principal:
        """Who asks, if they may.

        Raises:
            RequestError, AuthUnavailableError: they may not.
        """
        if self._guard is None:
            return EVERYBODY
        principal = self._guard.identify(request.headers)
        self._guard.authorize(principal, scope())
        return principal

    def start(self) -> None:
        """Begin to know who may come in."""
        if self._guard is not None:
            self._guard.start()

    def close(self) -> None:
        """Stop everything."""
        if self._guard is not None:
            self._guard.close()
        if self._rates is not None:
            self._rates.close()

    def troubles(self) -> list[str]:
        """Why some callers cannot be let in at present; empty while all is well."""
        return self._guard.troubles() if self._guard is not None else []
