"""What adapters hand in and get back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from pydantic_core import to_json

from textmill.contracts.routes import JSON
from textmill.engine.calls import Outcome

Headers: TypeAlias = tuple[tuple[str, str], ...]

BODILESS = frozenset({204, 304})
"""The statuses of replies that have no body; a 304 with a length would tell a wrong one of the page's."""


class Grant(Protocol):
    """That a request may go on."""

    @property
    def headers(self) -> Headers:
        """What the reply tells the caller of it."""
        ...

    def charge(self, texts: Sequence[str]) -> None:
        """Count what the request brings, once its body is known.

        Raises:
            RateLimitedError: it is too much.
        """
        ...

    def leave(self) -> None:
        """The request has ended, in whatever way. A second call does nothing."""
        ...


@dataclass(slots=True)
class Request:
    """An HTTP request as plain values. Credentials and texts are not in its `repr`.

    Attributes:
        path: decoded, without query; below the prefix where textmill is embedded.
        headers: values by lower-case name.
        body: the bytes (at most one more than the limit), or None when they did not arrive in time.
        grant: that its caller may ask this; None where everybody may.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=b"", repr=False)
    peer: str | None = None
    grant: Grant | None = field(default=None, repr=False)


@dataclass(slots=True)  # not frozen: that would cost more than all its fields
class Reply:
    """An HTTP response as plain values; an adapter copies the fields.

    Attributes:
        close: whether the connection should end with it.
    """

    status: int
    headers: Headers
    body: bytes = field(repr=False)
    close: bool = False

    @property
    def length(self) -> Headers:
        """The header that tells the body's length; none where the status has no body (RFC 9110, 8.6)."""
        return () if self.status in BODILESS else (("content-length", str(len(self.body))),)


def json_reply(value: object, status: int = 200, headers: Headers = ()) -> Reply:
    """A reply with a JSON body."""
    return Reply(status, (("content-type", JSON), *headers), to_json(value))


@dataclass(frozen=True, slots=True)
class Pending:
    """An answer that waits for the engine."""

    future: Future[list[Outcome]]
    deadline: float
    render: Callable[[Sequence[Outcome]], Reply]


@dataclass(slots=True)
class Exchange:
    """One request on its way to its reply.

    An adapter waits until `future` is done, for at most `patience` seconds (no future: not at all), and
    then asks for the reply with `Service.finish`.

    Attributes:
        headers: what the reply has besides its own and the grant's.
    """

    request_id: str
    headers: Headers = ()
    patience: float = 0.0
    answer: Reply | Pending | BaseException | None = field(default=None, repr=False)
    grant: Grant | None = field(default=None, repr=False)

    @property
    def future(self) -> Future[list[Outcome]] | None:
        """What to wait for."""
        return self.answer.future if isinstance(self.answer, Pending) else None
