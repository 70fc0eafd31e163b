"""The protocol of whatever knows one kind of credential."""

from __future__ import annotations

from typing import Protocol

from textmill.security.principals import Principal


class Verifier(Protocol):
    """Tells who a credential stands for. It never waits: a thread of its own keeps current what it knows."""

    def takes(self, credential: str) -> bool:
        """Whether the credential is of its kind, by its form alone."""
        ...

    def principal(self, credential: str) -> Principal:
        """Who the credential stands for.

        Raises:
            CredentialsInvalidError: nobody, or no longer.
            AuthUnavailableError: it cannot be told now.
        """
        ...

    def start(self) -> None:
        """Begin to keep current; called in the process that serves, after any fork."""
        ...

    def close(self) -> None:
        """Stop that, and give everything back."""
        ...

    def trouble(self) -> str | None:
        """Why it cannot tell at present, for the operator; None while it can."""
        ...
