"""The guard at the door: who is asking, and whether they may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textmill.errors import CredentialsInvalidError, CredentialsMissingError, ScopeMissingError
from textmill.security import credentials
from textmill.security.principals import Principal
from textmill.security.verifiers import Verifier

MISSING = "Send an API key ('X-API-Key') or a token ('Authorization: Bearer')."


class Guard:
    """Knows who may come in.

    Args:
        verifiers: asked in this order; the first that takes a credential decides.
        nobody: who a caller without credentials is; without scopes they may do nothing.
    """

    def __init__(self, verifiers: Sequence[Verifier], nobody: Principal) -> None:
        self._verifiers = verifiers
        self._nobody = nobody

    def identify(self, headers: Mapping[str, str]) -> Principal:
        """Who is asking.

        Raises:
            CredentialsMissingError: they do not say, and must.
            CredentialsInvalidError, CredentialsAmbiguousError, AuthUnavailableError: it cannot be told.
        """
        credential = credentials.find(headers)
        if credential is None:
            if not self._nobody.scopes:
                raise CredentialsMissingError(MISSING)
            return self._nobody
        for verifier in self._verifiers:
            if verifier.takes(credential):
                return verifier.principal(credential)
        raise CredentialsInvalidError(credentials.NOT_VALID)

    def authorize(self, principal: Principal, scope: str) -> None:
        """Let them do what takes this scope.

        Raises:
            CredentialsMissingError: nobody knows who they are, and not everybody may.
            ScopeMissingError: they may not.
        """
        if principal.may(scope):
            return
        if principal.kind == "anonymous":
            raise CredentialsMissingError(MISSING)
        raise ScopeMissingError(scope)

    def start(self) -> None:
        """Begin to know."""
        for verifier in self._verifiers:
            verifier.start()

    def close(self) -> None:
        """Stop everything."""
        for verifier in self._verifiers:
            verifier.close()

    def troubles(self) -> list[str]:
        """Why some credentials cannot be checked at present; empty while all can."""
        return [found for verifier in self._verifiers if (found := verifier.trouble())]
